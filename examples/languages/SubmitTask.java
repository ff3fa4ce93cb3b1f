// Has an agent called through its breaker: java SubmitTask.java AGENT JSON (Java 17 or newer)

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

public class SubmitTask {
    static final String API =
            System.getenv().getOrDefault("FUSELINE_API_URL", "http://127.0.0.1:8787") + "/api/v1";
    // The API speaks HTTP/1.1; Java would first offer to change to HTTP/2.
    static final HttpClient CLIENT =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    static String request(String path, String body) throws Exception {
        var request = HttpRequest.newBuilder(URI.create(API + path))
                .timeout(Duration.ofSeconds(60))
                .header("Content-Type", "application/json");
        var token = System.getenv("FUSELINE_API_TOKEN");
        if (token != null && !token.isEmpty()) request.header("Authorization", "Bearer " + token);
        if (body != null) request.POST(HttpRequest.BodyPublishers.ofString(body));
        var response = CLIENT.send(request.build(), BodyHandlers.ofString());
        if (response.statusCode() >= 400) throw new IllegalStateException(response.body());
        return response.body();
    }

    // Java has no JSON of its own; these fields are plain texts. Use a library for more.
    static String text(String document, String name) {
        Matcher found = Pattern.compile('"' + name + "\":\"([^\"]*)\"").matcher(document);
        return found.find() ? found.group(1) : "";
    }

    public static void main(String[] arguments) throws Exception {
        // An id of our own: submitting again after a lost answer gives the task that is there.
        var task = UUID.randomUUID().toString();
        var body = """
                {"agent": "%s", "payload": %s, "task_id": "%s"}"""
                .formatted(arguments[0], arguments[1], task);
        try {
            request("/tasks", body);
            String found;
            do {
                found = request("/tasks/" + task + "?wait_seconds=20", null);
            } while (!text(found, "state").equals("done"));
            if (!text(found, "status").equals("succeeded")) {
                throw new IllegalStateException(text(found, "status") + ": " + found);
            }
            System.out.println(found);
        } catch (IllegalStateException failed) {
            System.err.println(failed.getMessage());
            System.exit(1);
        }
    }
}
