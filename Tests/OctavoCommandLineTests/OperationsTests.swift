import Foundation
import OctavoCore
import OctavoPostgres
import OctavoTestSupport
import Testing

extension CommandLineTests {
    /// What those do who look after a queue.
    @Suite(.serialized) struct OperationsTests {
        private func writeInput(_ bench: Workbench, _ name: String = "in.jsonl", count: Int = 3) throws -> String {
            try bench.write(
                name,
                (1...count).map { #"{"id": "row-\#($0)", "prompt": "\#(name) \#($0)", "max_tokens": 3}"# + "\n" }
                    .joined())
        }

        @Test func `a deadline ends what is unfinished, without a worker, as OpenAI's expired lines`() async throws {
            try await Workbench.with { bench in
                let path = try writeInput(bench)
                let queued = try await bench.octavo("enqueue", path, "--deadline", "36h")
                #expect(queued.status == 0, "\(queued.standardError)")
                let output = bench.path("out.jsonl")
                #expect(
                    try await bench.octavo("export", "1", "-o", output).standardError.contains("3 are not finished"))
                try bench.execute("UPDATE octavo.batches SET deadline_at = clock_timestamp()")
                let export = try await bench.octavo("export", "1", "-o", output, "--json")
                #expect(export.status == 1)
                #expect(export.standardError.contains("of 3 requests, 3 have expired"))
                #expect(try JSONValue.parse(export.standardOutput)["expired"] == 3)
                let lines = try bench.jsonLines("out.errors.jsonl")
                #expect(lines.map { $0["custom_id"] } == ["row-1", "row-2", "row-3"])
                for line in lines {
                    #expect(line["response"] == .null && line["error"]?["code"] == "batch_expired")
                    #expect(line["error"]?["message"]?.stringValue?.contains("deadline") == true)
                }
                let status = try JSONValue.parse(await bench.octavo("status", "--json").standardOutput)
                #expect(status["batches"]?.arrayValue?.first?["state"] == "expired")
                let worker = try await bench.octavo("worker", "--drain", "--model", TestModels.tiny)
                #expect(worker.standardError.contains("0 finished"), "\(worker.standardError)")
            }
        }

        @Test func `a run past its deadline keeps what it has`() async throws {
            try await Workbench.with { bench in
                let path = try writeInput(bench, count: 4)
                let arguments = ["run", path, "--model", TestModels.tiny, "-o", bench.path("out.jsonl"), "--deadline"]
                #expect(try await bench.octavo(arguments + ["1h"]).status == 0)
                try bench.execute(
                    """
                    DELETE FROM octavo.results WHERE position = 0;
                    UPDATE octavo.batches SET done = 3, state = 1, deadline_at = clock_timestamp();
                    """)
                // The batch keeps its own deadline, whatever is said now.
                let again = try await bench.octavo(arguments + ["2030-01-01T00:00:00+01:00"])
                #expect(again.status == 1, "\(again.standardError)")
                #expect(again.standardError.contains("is expired; octavo delete"))
                #expect(try bench.jsonLines("out.jsonl").count == 3)
                #expect(try bench.jsonLines("out.errors.jsonl").map { $0["error"]?["code"] } == ["batch_expired"])
            }
        }

        @Test func `priority and weight can be changed`() async throws {
            try await Workbench.with { bench in
                _ = try await bench.octavo("enqueue", writeInput(bench), "--name", "nightly")
                let change = try await bench.octavo("prioritize", "nightly", "--priority", "0", "--weight", "7")
                #expect(change.standardError == "batch 1 has priority 0 and weight 7\n")
                let status = try JSONValue.parse(await bench.octavo("status", "1", "--json").standardOutput)
                #expect(status["batches"]?.arrayValue?.first?["weight"] == 7)
                #expect(try await bench.octavo("prioritize", "daily", "--priority", "1").status == 66)
            }
        }

        @Test func `prune deletes what a rule gives up, and batches that are named`() async throws {
            try await Workbench.with { bench in
                for name in ["a", "b", "c"] {
                    let path = try writeInput(bench, name)
                    _ = try await bench.octavo("run", path, "--model", TestModels.tiny, "-o", bench.path("\(name).out"))
                }
                _ = try await bench.octavo("enqueue", writeInput(bench, "waiting"))
                try bench.execute(
                    "UPDATE octavo.batches SET completed_at = completed_at - make_interval(days => 10 - id::integer)")
                let trial = try await bench.octavo("database", "prune", "--older-than", "7d", "--dry-run")
                #expect(trial.standardOutput.hasPrefix("batch 1 completed: a, 3 requests\nbatch"), "\(trial)")
                #expect(trial.standardError == "2 batches with 6 requests would be deleted\n")
                #expect(try bench.count("SELECT count(*) FROM octavo.batches") == 4)
                let pruned = try await bench.octavo(
                    "database", "prune", "--older-than", "7d", "--keep", "2", "--chunk", "2", "--pause", "0", "--json")
                #expect(pruned.status == 0, "\(pruned.standardError)")
                let report = try JSONValue.parse(pruned.standardOutput)
                #expect(report["dry_run"] == false && report["batches"]?.arrayValue?.map { $0["id"] } == [1])
                #expect(try bench.count("SELECT count(*) FROM octavo.requests WHERE batch_id = 1") == 0)
                let rest = try await bench.octavo("database", "prune", "--keep", "0")
                #expect(rest.standardError == "2 batches with 6 requests deleted\n")
                let named = try await bench.octavo("database", "prune", "waiting")
                #expect(named.standardError.hasPrefix("1 batches with 3"), "\(named)")
                #expect(try bench.count("SELECT count(*) FROM octavo.batches") == 0)
                #expect(try await bench.octavo("database", "prune", "waiting").status == 66)
            }
        }

        @Test func `an interrupted prune goes on when it is run again`() async throws {
            try await Workbench.with { bench in
                _ = try await bench.octavo("enqueue", writeInput(bench, count: 50))
                _ = try await bench.octavo("cancel", "1")
                let slow = try bench.start(["database", "prune", "--keep", "0", "--chunk", "1", "--pause", "1s"])
                let hasBegun = try await eventually { try bench.count("SELECT count(*) FROM octavo.requests") < 49 }
                #expect(hasBegun)
                slow.signal(SIGTERM)
                #expect(try await status(of: slow) == 130)
                let left = try bench.count("SELECT count(*) FROM octavo.requests")
                #expect(left > 0 && left < 49)
                #expect(try await bench.octavo("database", "prune", "--keep", "0").status == 0)
                #expect(try bench.count("SELECT count(*) FROM octavo.requests") == 0)
                #expect(try bench.count("SELECT count(*) FROM octavo.batches") == 0)
            }
        }

        @Test func `the doctor finds nothing, or says what is wrong and mends it`() async throws {
            try await Workbench.with { bench in
                let path = try writeInput(bench)
                _ = try await bench.octavo("run", path, "--model", TestModels.tiny, "-o", bench.path("out.jsonl"))
                let healthy = try await bench.octavo("database", "doctor")
                #expect(healthy.status == 0 && healthy.standardOutput.isEmpty, "\(healthy)")
                #expect(healthy.standardError == "nothing is wrong\n")
                try bench.execute("UPDATE octavo.batches SET completion_tokens = 1, done = 2")
                let sick = try await bench.octavo("database", "doctor", "--json")
                #expect(sick.status == 1)
                let finding = try #require(
                    try JSONValue.parse(sick.standardOutput)["findings"]?.arrayValue?.first)
                #expect(
                    finding["check"] == "counters" && finding["severity"] == "error" && finding["repairable"] == true)
                let mended = try await bench.octavo("database", "doctor", "--repair")
                #expect(mended.status == 0, "\(mended)")
                #expect(mended.standardOutput.hasPrefix("repaired: batch 1 counts 2 finished"))
                #expect(try bench.count("SELECT done FROM octavo.batches") == 3)
            }
        }

        @Test func `programs and schemas of other versions are told apart`() async throws {
            try await Workbench.with { bench in
                let path = try writeInput(bench)
                let first = try String(
                    contentsOf: TestPaths.packageRoot.appending(path: "migrations/0001_create_queue.sql"),
                    encoding: .utf8)
                try bench.execute(
                    """
                    CREATE SCHEMA octavo; CREATE TABLE octavo.migrations (
                        version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());
                    """)
                try bench.execute(first)
                try bench.execute("INSERT INTO octavo.migrations (version, name) VALUES (1, '0001_create_queue')")
                for command in [["worker", "--model", TestModels.tiny], ["enqueue", path], ["status"]] {
                    let refused = try await bench.octavo(command)
                    #expect(refused.status == 69, "\(command): \(refused.standardError)")
                    #expect(refused.standardError.contains("run: octavo database migrate"))
                }
                #expect(
                    try await bench.octavo("database", "migrate").standardError.hasPrefix("applied 0002_add_deadlines"))
                #expect(try await bench.octavo("enqueue", path).status == 0)
                // A schema from the future that programs of this version may use, and one that they may not.
                try bench.execute("INSERT INTO octavo.migrations (version, name) VALUES (9998, 'future')")
                #expect(try await bench.octavo("worker", "--drain", "--model", TestModels.tiny).status == 0)
                try bench.execute(
                    "INSERT INTO octavo.migrations (version, name, oldest_program) VALUES (9999, 'f', 9999)")
                let old = try await bench.octavo("status")
                #expect(old.status == 69 && old.standardError.contains("install a newer octavo"))
            }
        }
    }
}
