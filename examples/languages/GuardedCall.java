// Calls an agent itself, guarded by its breaker: java GuardedCall.java AGENT URL JSON (17 or newer)

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

public class GuardedCall {
    static final String API =
            System.getenv().getOrDefault("FUSELINE_API_URL", "http://127.0.0.1:8787") + "/api/v1";
    // The API speaks HTTP/1.1; Java would first offer to change to HTTP/2.
    static final HttpClient CLIENT =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    // Under these numbers the log takes each outcome once, however often it is sent.
    static final String WORKER = "java-" + ProcessHandle.current().pid();
    static final long RUN = System.currentTimeMillis();
    static long sequence = 1;

    static HttpRequest.Builder post(String url, String body, int seconds) {
        return HttpRequest.newBuilder(URI.create(url))
                .timeout(Duration.ofSeconds(seconds))
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(body));
    }

    static String fuseline(String agent, String path, String body) throws Exception {
        var request = post(API + "/circuits/" + agent + path, body, 60);
        var token = System.getenv("FUSELINE_API_TOKEN");
        if (token != null && !token.isEmpty()) request.header("Authorization", "Bearer " + token);
        var response = CLIENT.send(request.build(), BodyHandlers.ofString());
        if (response.statusCode() >= 400) throw new IllegalStateException(response.body());
        return response.body();
    }

    // Java has no JSON of its own; these fields are plain. Use a library for more.
    static String field(String document, String name) {
        Matcher found = Pattern.compile('"' + name + "\":\"?([^\",}]*)").matcher(document);
        return found.find() ? found.group(1) : "";
    }

    public static void main(String[] arguments) throws Exception {
        var agent = arguments[0];
        try {
            var admission = fuseline(agent, "/admissions", "");
            if (!field(admission, "admitted").equals("true")) {
                throw new IllegalStateException("refused: " + field(admission, "cause")
                        + ", again in " + field(admission, "retry_after_seconds") + " s");
            }

            var began = System.nanoTime();
            HttpResponse<String> answer = null;
            var kind = "";
            try {
                answer = CLIENT.send(
                        post(arguments[1], arguments[2], 30).build(), BodyHandlers.ofString());
                var status = answer.statusCode();
                if (status >= 500 || status == 429) kind = "http_" + status;
            } catch (IOException unreachable) {
                kind = "connect_error";
            }
            var report = """
                    {"worker": "%s", "run": %d, "sequence": %d, "outcomes": [{"ticket": "%s",
                     "result": "%s", "failure_kind": "%s", "duration_ms": %d}]}"""
                    .formatted(WORKER, RUN, sequence, field(admission, "ticket"),
                            kind.isEmpty() ? "success" : "failure", kind,
                            (System.nanoTime() - began) / 1_000_000);
            sequence = 1 + Long.parseLong(field(fuseline(agent, "/outcomes", report), "sequence"));

            if (!kind.isEmpty()) throw new IllegalStateException("failed: " + kind);
            System.out.println(answer.body());
        } catch (IllegalStateException failed) {
            System.err.println(failed.getMessage());
            System.exit(1);
        }
    }
}
