import Foundation
import OctavoCore
import OctavoTestSupport
import Testing

extension CommandLineTests {
    /// Everything by way of PgBouncer in transaction mode, in which a client has a connection only while it is in a
    /// transaction.
    @Suite(.serialized, .enabled(if: PgBouncer.obstacle == nil, "\(PgBouncer.obstacle ?? "")"))
    struct PoolerTests {
        @Test(.timeLimit(.minutes(10)))
        func `a batch is queued, worked on by two of whom one is killed, steered and exported`() async throws {
            try await Workbench.with { bench in
                let pooler = try await PgBouncer(in: bench.directory, serverDirectory: TestDatabase.socketDirectory)
                defer { extendLifetime(pooler) }
                let database = try #require(bench.databaseURL.firstMatch(of: #/@/(test_\d+)/#)).output.1
                var pooled = bench
                pooled.environment["OCTAVO_DATABASE_URL"] = pooler.url(String(database))
                let path = try bench.write(
                    "in.jsonl",
                    (1...120).map {
                        #"{"id": "r\#($0)", "prompt": "say \#($0)", "max_tokens": 60, "temperature": 0}"# + "\n"
                    }
                    .joined())

                #expect(try await pooled.octavo("enqueue", path, "--name", "pooled").standardOutput == "1\n")
                let worker = [
                    "worker", "--drain", "--model", TestModels.tiny, "--kernels", "scalar", "--threads", "1",
                    "--max-batch",
                    "4", "--lease-size", "8", "--checkpoint-tokens", "8", "--lease-duration", "3s",
                ]
                let workers = try [pooled.start(worker), pooled.start(worker)]
                #expect(try await eventually { try bench.finishedCount() > 10 })
                workers[0].signal(SIGKILL)
                #expect(try await pooled.octavo("pause", "pooled").status == 0)
                #expect(try await pooled.octavo("resume", "pooled").status == 0)
                #expect(try await pooled.octavo("prioritize", "pooled", "--priority", "0").status == 0)
                #expect(try await status(of: workers[1]) == 0, "\(workers[1].standardError)")
                let export = try await pooled.octavo("export", "pooled", "-o", bench.path("out.jsonl"))
                #expect(export.status == 0, "\(export.standardError)")
                #expect(try await pooled.octavo("database", "doctor").status == 0)

                // The same as by a connection of one's own.
                let direct = try await bench.octavo(
                    "run", path, "--model", TestModels.tiny, "--name", "direct", "--seed", "99", "-o",
                    bench.path("direct.jsonl"))
                #expect(direct.status == 0, "\(direct.standardError)")
                #expect(try bench.jsonLines("out.jsonl").count == 120)
                let answers = try ["out.jsonl", "direct.jsonl"].map { name in
                    try bench.jsonLines(name).map { $0["response"]?["body"]?["choices"] }
                }
                #expect(answers[0] == answers[1])
                #expect(try await pooled.octavo("database", "prune", "--keep", "0").status == 0)
                #expect(try bench.count("SELECT count(*) FROM octavo.requests") == 0)
            }
        }

        @Test func `the schema can be made by it`() async throws {
            try await Workbench.with { bench in
                let pooler = try await PgBouncer(in: bench.directory, serverDirectory: TestDatabase.socketDirectory)
                defer { extendLifetime(pooler) }
                let database = try #require(bench.databaseURL.firstMatch(of: #/@/(test_\d+)/#)).output.1
                var pooled = bench
                pooled.environment["OCTAVO_DATABASE_URL"] = pooler.url(String(database))
                let migrations = try [pooled.start(["database", "migrate"]), pooled.start(["database", "migrate"])]
                for migration in migrations {
                    #expect(try await status(of: migration) == 0, "\(migration.standardError)")
                }
                #expect(try await pooled.octavo("status").standardOutput.hasPrefix("no batches"))
            }
        }
    }
}
