import Foundation
import OctavoCore
import OctavoPostgres
import OctavoTestSupport
import Testing

extension CommandLineTests {
    @Suite(.serialized) struct DatabaseTests {
        @Test func `the private database starts, reports, migrates and stops`() async throws {
            try await Workbench.withoutDatabase { bench in
                #expect(try await state(bench) == "absent")
                let url = try await bench.octavo("database", "url")
                let start = try await bench.octavo("database", "start")
                #expect(start.status == 0, "\(start.standardError)")
                #expect(start.standardOutput == url.standardOutput)
                #expect(try await state(bench) == "running")
                // Started again, it is left alone.
                #expect(try await bench.octavo("database", "start").standardOutput == url.standardOutput)
                let migrate = try await bench.octavo("database", "migrate")
                #expect(migrate.standardError == "the schema is up to date\n")
                #expect(try await bench.octavo("database", "stop").status == 0)
                #expect(try await state(bench) == "stopped")
                // Whoever needs it starts it.
                let status = try await bench.octavo("status", "--json")
                #expect(status.status == 0, "\(status.standardError)")
                #expect(status.standardOutput == "{\"batches\":[],\"workers\":[]}\n")
                #expect(try await state(bench) == "running")
                #expect(try await bench.octavo("database", "stop").status == 0)
            }
        }

        @Test func `two processes may start the private database at once`() async throws {
            try await Workbench.withoutDatabase { bench in
                let path = try bench.write("in.jsonl", #"{"prompt": "x", "max_tokens": 3}"#)
                let processes = try [
                    bench.start(["database", "start"]), bench.start(["database", "start"]),
                    bench.start(["run", path, "--model", TestModels.tiny, "-o", bench.path("out.jsonl")]),
                ]
                for process in processes { #expect(try await status(of: process) == 0, "\(process.standardError)") }
                #expect(try bench.jsonLines("out.jsonl").count == 1)
                #expect(try await bench.octavo("database", "stop").status == 0)
            }
        }

        @Test func `a refused password is told as such`() async throws {
            try await Workbench.withoutDatabase { bench in
                let cluster = TestDatabase.makeCluster(in: bench.directory.appending(path: "home"))
                let url = try cluster.start()
                try PostgresSession(PostgresConfiguration(connectionString: url))
                    .execute("CREATE ROLE guarded LOGIN PASSWORD 'right'")
                try Data("local all guarded scram-sha-256\nlocal all all trust\n".utf8)
                    .write(to: URL(fileURLWithPath: "\(cluster.dataDirectory)/pg_hba.conf"), options: [])
                kill(try #require(cluster.status().processID), SIGHUP)
                let wrong = url.replacing("octavo@", with: "guarded:wrong-secret@")
                let isRefused = try await eventually {
                    let outcome = try await bench.octavo("status", "--database", wrong)
                    #expect(!outcome.standardError.contains("secret"))
                    return outcome.status == 69 && outcome.standardError.contains("password authentication failed")
                }
                #expect(isRefused)
                try cluster.stop()
            }
        }

        @Test func `any other server is used when it is named`() async throws {
            try await Workbench.with { bench in
                #expect(try await bench.octavo("database", "url").standardOutput == bench.databaseURL + "\n")
                let missing = try await bench.octavo("status")
                #expect(missing.status == 69)
                #expect(missing.standardError.contains("octavo database migrate"))
                let migrate = try await bench.octavo("database", "migrate")
                #expect(migrate.standardError.hasPrefix("applied "))
                #expect(try await bench.octavo("status").standardOutput.hasPrefix("no batches"))
                #expect(!bench.exists("home"))
            }
        }

        @Test func `status and export report in JSON`() async throws {
            try await Workbench.with { bench in
                let path = try bench.write("in.jsonl", #"{"id": "a", "prompt": "x", "max_tokens": 3}"#)
                let run = try await bench.octavo(
                    "run", path, "--model", TestModels.tiny, "-o", bench.path("out.jsonl"), "--json", "--name", "first")
                #expect(run.status == 0, "\(run.standardError)")
                let counts = #"{"total":1,"finished":1,"failed":0,"cancelled":0,"expired":0,"pending":0}"# + "\n"
                #expect(run.standardOutput == counts)
                let export = try await bench.octavo("export", "first", "-o", bench.path("again.jsonl"), "--json")
                #expect(export.standardOutput == counts)
                #expect(try bench.read("again.jsonl") == bench.read("out.jsonl"))
                #expect(try await bench.octavo("export", "1").standardOutput == bench.read("out.jsonl"))
                let status = try JSONValue.parse(await bench.octavo("status", "1", "--json").standardOutput)
                let batch = try #require(status["batches"]?.arrayValue?.first)
                #expect(batch["name"] == "first" && batch["state"] == "completed" && batch["finished"] == 1)
                #expect(batch["completion_tokens"] == 3 && batch["failures"] == [])
                let line = try #require(try bench.jsonLines("out.jsonl").first)
                #expect(line["custom_id"] == "a" && line["error"] == .null)
                #expect(line["response"]?["body"]?["usage"]?["completion_tokens"] == 3)
                #expect(line["response"]?["body"]?["created"] == 1_700_000_000)
            }
        }

        @Test func `an export before the end has what is finished, and says what is not`() async throws {
            try await Workbench.with { bench in
                let path = try bench.write("in.jsonl", #"{"prompt": "x", "max_tokens": 3}"#)
                #expect(try await bench.octavo("enqueue", path).standardOutput == "1\n")
                let export = try await bench.octavo("export", "1", "-o", bench.path("out.jsonl"))
                #expect(export.status == 1)
                #expect(export.standardError.contains("of 1 requests, 1 are not finished"))
                #expect(try bench.read("out.jsonl").isEmpty)
            }
        }

        private func state(_ bench: Workbench) async throws -> String? {
            let status = try await bench.octavo("database", "status", "--json")
            #expect(status.status == 0, "\(status.standardError)")
            return try JSONValue.parse(status.standardOutput)["state"]?.stringValue
        }
    }
}
