#!/usr/bin/env perl
# Calls an agent itself, guarded by its breaker: perl guarded_call.pl AGENT URL JSON
use strict;
use warnings;
use HTTP::Tiny;
use JSON::PP;
use Sys::Hostname;
use Time::HiRes 'time';

my ( $agent, $url, $payload ) = @ARGV;
my $api     = $ENV{FUSELINE_API_URL} // 'http://127.0.0.1:8787';
my $circuit = "$api/api/v1/circuits/$agent";
my $json    = JSON::PP->new->utf8->canonical->allow_nonref;

# Under these numbers the log takes each outcome once, however often it is sent.
my ( $worker, $run, $sequence ) = ( hostname() . "-$$", int( time() * 1000 ), 1 );

my %headers = ( 'Content-Type' => 'application/json' );
my %token =
  $ENV{FUSELINE_API_TOKEN} ? ( Authorization => "Bearer $ENV{FUSELINE_API_TOKEN}" ) : ();

sub post {
    my ( $path, $document ) = @_;
    my $response = HTTP::Tiny->new( timeout => 60 )->post( $circuit . $path,
        { headers => { %headers, %token }, content => $document ? $json->encode($document) : '' } );
    my $answer = eval { $json->decode( $response->{content} ) };
    die( ( ref $answer ? $answer->{detail} : $response->{content} ) . "\n" )
      unless $response->{success} && ref $answer;
    return $answer;
}

sub main {
    my $admission = post('/admissions');
    die("refused: $admission->{cause}, again in $admission->{retry_after_seconds} s\n")
      unless $admission->{admitted};

    my $began    = time();
    my $response = HTTP::Tiny->new( timeout => 30 )
      ->post( $url, { headers => \%headers, content => $payload // 'null' } );
    my $failed = $response->{status} >= 500 || $response->{status} == 429;    # 599: no answer
    my $kind   = !$failed ? '' : $response->{status} == 599 ? 'connect_error' : "http_$response->{status}";

    my %outcome = (
        ticket       => $admission->{ticket},
        result       => $failed ? 'failure' : 'success',
        failure_kind => $kind,
        duration_ms  => int( ( time() - $began ) * 1000 ),
    );
    my %report = ( worker => $worker, run => $run, sequence => $sequence );
    $sequence = post( '/outcomes', { %report, outcomes => [ \%outcome ] } )->{sequence} + 1;

    die("failed: $kind\n") if $failed;
    print $response->{content}, "\n";
    return 1;
}

eval { main() } or do { print STDERR $@; exit 1 };
