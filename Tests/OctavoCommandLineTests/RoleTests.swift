import Foundation
import OctavoPostgres
import OctavoTestSupport
import Testing

extension CommandLineTests {
    /// Database roles that may do what one part of Octavo needs.
    @Suite(.serialized) struct RoleTests {
        /// A migrated database with a role for each purpose, called after it, and a secret in another schema.
        private static func withRoles(_ body: (Workbench, (String) -> Workbench) async throws -> Void) async throws {
            try await Workbench.with { bench in
                let suffix = bench.databaseURL.firstMatch(of: #/@/test_(\d+)/#).map { String($0.output.1) } ?? ""
                let roles = ["worker", "enqueuer", "exporter", "observer", "stranger"].map { "\($0)_\(suffix)" }
                for role in roles { try bench.execute("CREATE ROLE \(role) LOGIN") }
                defer { for role in roles { try? bench.execute("DROP OWNED BY \(role); DROP ROLE \(role)") } }
                try bench.execute("CREATE SCHEMA secrets; CREATE TABLE secrets.plans AS SELECT 1 AS plan")
                #expect(try await bench.octavo("database", "migrate").status == 0)
                for role in roles.dropLast() {
                    let purpose = String(role.prefix { $0 != "_" })
                    let granted = try await bench.octavo("database", "grant", role, "--as", purpose)
                    #expect(granted.status == 0, "\(granted.standardError)")
                }
                try await body(bench) { purpose in
                    var other = bench
                    other.environment["OCTAVO_DATABASE_URL"] = bench.databaseURL.replacing(
                        "//octavo@", with: "//\(purpose)_\(suffix)@")
                    return other
                }
            }
        }

        @Test func `each role can do its part`() async throws {
            try await Self.withRoles { bench, acting in
                func succeeds(_ purpose: String, _ arguments: String...) async throws {
                    let outcome = try await acting(purpose).octavo(arguments)
                    #expect(outcome.status == 0, "\(purpose), \(arguments): \(outcome.standardError)")
                }
                let path = try bench.write(
                    "in.jsonl",
                    (1...20).map { #"{"id": "r\#($0)", "prompt": "x \#($0)", "max_tokens": 30}"# + "\n" }.joined())
                try await succeeds("enqueuer", "enqueue", path, "--deadline", "1d")
                try await succeeds("enqueuer", "pause", "1")
                try await succeeds("enqueuer", "prioritize", "1", "--priority", "1")
                try await succeeds("enqueuer", "resume", "1")
                try await succeeds(
                    "worker", "worker", "--drain", "--model", TestModels.tiny, "--checkpoint-tokens", "4")
                try await succeeds("exporter", "export", "1", "-o", bench.path("out.jsonl"))
                #expect(try bench.jsonLines("out.jsonl").count == 20)
                for purpose in ["observer", "exporter", "enqueuer"] {
                    try await succeeds(purpose, "status", "1", "--json")
                }
                try await succeeds("observer", "database", "doctor")
                #expect(
                    try acting("observer").count("SELECT count(*) FROM octavo.request_states WHERE state = 'finished'")
                        == 20)

                // A failure, and what follows from one; a deadline that nobody but a reader notices; a cancellation.
                let bad = try bench.write("bad.jsonl", #"{"prompt": "x", "max_tokens": 9000}"#)
                try await succeeds("enqueuer", "enqueue", bad)
                let failing = try await acting("worker").octavo("worker", "--drain", "--model", TestModels.tiny)
                #expect(failing.status == 1 && failing.standardError.contains("1 failed"), "\(failing)")
                try await succeeds("enqueuer", "retry", "bad.jsonl")
                try await succeeds("enqueuer", "cancel", "bad.jsonl")
                let overdue = try bench.write("overdue.jsonl", #"{"prompt": "y"}"#)
                try await succeeds("enqueuer", "enqueue", overdue, "--deadline", "2020-01-01T00:00:00Z")
                let expired = try await acting("observer").octavo("status", "overdue.jsonl")
                #expect(expired.standardOutput.contains(" expired: overdue.jsonl"), "\(expired)")
            }
        }

        @Test func `no role can do more than its part`() async throws {
            try await Self.withRoles { bench, acting in
                let path = try bench.write("in.jsonl", #"{"prompt": "private words"}"#)
                #expect(try await acting("enqueuer").octavo("enqueue", path).status == 0)
                func isRefused(_ purpose: String, _ sql: String) {
                    let error = #expect(throws: PostgresError.self, "\(purpose): \(sql)") {
                        try acting(purpose).execute(sql)
                    }
                    #expect(
                        error?.sqlState == SQLState.insufficientPrivilege,
                        "\(purpose), \(sql): \(String(describing: error))")
                }
                for purpose in ["worker", "enqueuer", "exporter", "observer"] {
                    isRefused(purpose, "SELECT * FROM secrets.plans")
                    isRefused(purpose, "DROP TABLE octavo.results")
                    isRefused(purpose, "TRUNCATE octavo.results")
                    isRefused(purpose, "CREATE TABLE octavo.mine ()")
                    isRefused(
                        purpose,
                        "CREATE OR REPLACE FUNCTION octavo.expire_overdue_v1() RETURNS integer LANGUAGE sql AS 'SELECT 1'"
                    )
                    isRefused(purpose, "DELETE FROM octavo.results")
                    isRefused(purpose, "UPDATE octavo.results SET body = ''")
                    isRefused(purpose, "UPDATE octavo.migrations SET version = 7")
                }
                for purpose in ["worker", "exporter", "observer"] {
                    isRefused(
                        purpose,
                        "INSERT INTO octavo.batches (name, idempotency_key, file_identity, source, seed) VALUES ('', '', '', '', 1)"
                    )
                    isRefused(purpose, "INSERT INTO octavo.requests VALUES (1, 9, 9, 1, 1, 'x', '{}')")
                    let refused = try await acting(purpose).octavo("enqueue", path, "--name", "again", "--seed", "9")
                    #expect(refused.status == 69 && refused.standardError.contains("permission denied"), "\(refused)")
                }
                for purpose in ["exporter", "observer"] {
                    isRefused(purpose, "SELECT octavo.reap_v2(1)")
                    isRefused(purpose, "UPDATE octavo.batches SET state = 3")
                    isRefused(purpose, "SELECT * FROM octavo.claim_v1('w', 'f', '{}', 1, 100, 60)")
                    #expect(try await acting(purpose).octavo("cancel", "1").status == 69)
                    #expect(try await acting(purpose).octavo("database", "prune", "1").status == 69)
                }
                isRefused("worker", "UPDATE octavo.batches SET priority = 0")
                isRefused("observer", "SELECT body FROM octavo.requests")
                isRefused("observer", "SELECT body FROM octavo.results")
                isRefused("enqueuer", "SELECT body FROM octavo.results")
                isRefused("stranger", "SELECT * FROM octavo.batches")
                #expect(try await acting("exporter").octavo("export", "1").status == 1)
            }
        }

        @Test func `a grant can be looked at before, changed, and taken back`() async throws {
            try await Self.withRoles { bench, acting in
                let role =
                    acting("observer").databaseURL.firstMatch(of: #/observer_\d+/#).map { String($0.output) } ?? ""
                let sql = try await bench.octavo("database", "grant", "o\"dd", "--as", "observer", "--dry-run")
                    .standardOutput
                #expect(sql.contains("GRANT SELECT ON octavo.workers TO \"o\"\"dd\";\n"))
                #expect(!sql.contains("INSERT"))
                #expect(try await bench.octavo("database", "grant", role, "--as", "exporter").status == 0)
                #expect(try acting("observer").count("SELECT count(body) FROM octavo.results") == 0)
                #expect(try await bench.octavo("database", "grant", role, "--revoke").status == 0)
                #expect(try await acting("observer").octavo("status").status == 69)
                let missing = try await bench.octavo("database", "grant", "nobody_here", "--as", "worker")
                #expect(missing.status == 66 && missing.standardError.contains("CREATE ROLE"))
            }
        }
    }
}
