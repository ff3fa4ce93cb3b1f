#!/usr/bin/env perl
# Has an agent called through its breaker: perl submit_task.pl AGENT JSON
use strict;
use warnings;
use HTTP::Tiny;
use JSON::PP;

my $api = ( $ENV{FUSELINE_API_URL} // 'http://127.0.0.1:8787' ) . '/api/v1';
my ( $agent, $payload ) = @ARGV;
my $json = JSON::PP->new->utf8->canonical->allow_nonref;

my %headers = ( 'Content-Type' => 'application/json' );
$headers{Authorization} = "Bearer $ENV{FUSELINE_API_TOKEN}" if $ENV{FUSELINE_API_TOKEN};
my $http = HTTP::Tiny->new( timeout => 60, default_headers => \%headers );

sub request {
    my ( $method, $path, $body ) = @_;
    my $response = $http->request( $method, $api . $path, $body ? { content => $body } : {} );
    my $document = eval { $json->decode( $response->{content} ) };
    die( ( ref $document ? $document->{detail} : $response->{content} ) . "\n" )
      unless $response->{success} && ref $document;
    return $document;
}

sub main {
    my $body = $json->encode( { agent => $agent, payload => $json->decode( $payload // 'null' ) } );
    my $task = request( 'POST', '/tasks', $body )->{task};

    my $found;
    do { $found = request( 'GET', "/tasks/$task?wait_seconds=20" ) } until $found->{state} eq 'done';

    my $result = $found->{result};
    die("$result->{status}: $result->{error_kind} $result->{error}\n")
      unless $result->{status} eq 'succeeded';
    print $json->encode( $result->{result} ), "\n";
    return 1;
}

eval { main() } or do { print STDERR $@; exit 1 };
