import Testing

/// Tests of the `octavo` program as a user meets it: real processes, a real PostgreSQL, a real model.
///
/// They run one after another, so that those which kill and wait are not starved by those which compute.
@Suite(.serialized) enum CommandLineTests {}
