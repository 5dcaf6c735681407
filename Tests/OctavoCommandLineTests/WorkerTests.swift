import Foundation
import OctavoCore
import OctavoPostgres
import OctavoTestSupport
import Testing

extension CommandLineTests {
    /// Workers that are stopped, killed, cut off and set beside each other lose nothing and do nothing twice.
    @Suite(.serialized) struct WorkerTests {
        /// Slow enough to be met in mid-decode, with frequent checkpoints and heartbeats.
        private static let slow = [
            "--model", TestModels.tiny, "--kernels", "scalar", "--threads", "1", "--max-batch", "5",
            "--checkpoint-tokens", "8", "--lease-duration", "3s",
        ]

        @Test func `a worker that is told to stop gives back what it holds, and another goes on from there`()
            async throws
        {
            try await Workbench.with { bench in
                try await enqueueSamples(bench)
                let trace = WorkerTrace(path: bench.path("trace.jsonl"))
                let arguments = ["worker", "--drain", "--trace", trace.path] + Self.slow
                let worker = try bench.start(arguments)
                try #require(await trace.wait(for: worker, toSample: 500))
                worker.signal(SIGTERM)
                #expect(try await status(of: worker) == 130, "\(worker.standardError)")
                #expect(worker.standardError.contains("stopping"))
                #expect(try bench.count("SELECT count(*) FROM octavo.leases") == 0)
                #expect(try bench.count("SELECT count(*) FROM octavo.failures") == 0)
                #expect(try bench.count("SELECT count(*) FROM octavo.workers") == 0)
                let done = try bench.finishedCount()
                #expect(done < 40)
                let rest = try await bench.octavo(arguments)
                #expect(rest.status == 0, "\(rest.standardError)")
                try await expectReferenceResults(bench)
                // An orderly stop loses no token; a row that stopped at its very end samples its last one again.
                let again = try trace.sampledTokens() - completionTokens(bench.jsonLines("out.jsonl"))
                #expect((0...5).contains(again))
            }
        }

        @Test(arguments: [SIGINT, SIGTERM]) func `a run that is interrupted goes on where it was`(signal: Int32)
            async throws
        {
            try await Workbench.with { bench in
                try writeSamples(bench)
                let trace = WorkerTrace(path: bench.path("trace.jsonl"))
                let arguments =
                    ["run", bench.path("in.jsonl"), "-o", bench.path("out.jsonl"), "--trace", trace.path] + Self.slow
                let run = try bench.start(arguments)
                try #require(await trace.wait(for: run, toSample: 500))
                run.signal(signal)
                #expect(try await status(of: run) == 130, "\(run.standardError)")
                #expect(!bench.exists("out.jsonl"))
                #expect(try bench.count("SELECT count(*) FROM octavo.leases") == 0)
                let rest = try await bench.octavo(arguments)
                #expect(rest.status == 0, "\(rest.standardError)")
                #expect(rest.standardError.contains("nothing queued twice"))
                #expect(ResultDigest(try bench.read("out.jsonl")) == (try await Self.reference.digest()))
            }
        }

        @Test func `a second signal ends a worker at once`() async throws {
            try await withCluster { bench, cluster in
                try await enqueueSamples(bench)
                let trace = WorkerTrace(path: bench.path("trace.jsonl"))
                let worker = try bench.start(["worker", "--trace", trace.path, "--grace", "10m"] + Self.slow)
                try #require(await trace.wait(for: worker, toSample: 300))
                // Without its server a worker cannot release what it holds: the orderly stop waits.
                try cluster.stop()
                worker.signal(SIGTERM)
                #expect(await eventually { worker.standardError.contains("stopping") })
                #expect(await worker.wait(timeout: .milliseconds(500)) == nil)
                worker.signal(SIGTERM)
                #expect(try await status(of: worker) == 130)
                #expect(!worker.standardError.contains("this worker:"))
            }
        }

        @Test(arguments: [SIGINT, SIGQUIT])
        func `a worker waits for a PostgreSQL that is restarted, and loses nothing`(shutdown: Int32) async throws {
            try await withCluster { bench, cluster in
                try await enqueueSamples(bench)
                let trace = WorkerTrace(path: bench.path("trace.jsonl"))
                let worker = try bench.start(["worker", "--drain", "--trace", trace.path] + Self.slow)
                for restart in 1...2 {
                    try #require(await trace.wait(for: worker, toSample: restart * 400), "\(worker.standardError)")
                    try await stop(cluster, by: shutdown)
                    try cluster.start()
                }
                #expect(try await status(of: worker) == 0, "\(worker.standardError)")
                try await expectReferenceResults(bench)
            }
        }

        @Test func `workers whose server is away for longer than a lease take nothing from each other`() async throws {
            try await withCluster { bench, cluster in
                try await enqueueSamples(bench)
                #expect(try await bench.octavo("pause", "in.jsonl").status == 0)
                let trace = WorkerTrace(path: bench.path("trace.jsonl"))
                let arguments =
                    ["worker", "--lease-size", "20", "--trace", trace.path] + Self.slow + ["--lease-duration", "6s"]
                let workers = try [bench.start(arguments), bench.start(arguments)]
                try #require(
                    try await eventually(within: .seconds(180)) {
                        try bench.count("SELECT count(*) FROM octavo.workers") == 2
                    })
                #expect(try await bench.octavo("resume", "in.jsonl").status == 0)
                try #require(
                    try await eventually(within: .seconds(180)) {
                        try bench.count("SELECT count(*) FROM octavo.leases") == 2
                    })
                try await stop(cluster, by: SIGINT)
                try await Task.sleep(for: .seconds(8))
                try cluster.start()
                try #require(try await eventually(within: .seconds(120)) { try bench.finishedCount() == 40 })
                for worker in workers { worker.signal(SIGTERM) }
                for worker in workers { #expect(try await status(of: worker) == 130, "\(worker.standardError)") }
                try await expectReferenceResults(bench)
                #expect(try bench.count("SELECT count(*) FROM octavo.lease_log WHERE outcome = 'lost'") == 0)
                #expect(try trace.sampledTokens() == completionTokens(bench.jsonLines("out.jsonl")))
            }
        }

        @Test func `two workers share a queue, and no request is answered twice`() async throws {
            try await Workbench.with { bench in
                try await enqueueSamples(bench)
                #expect(try await bench.octavo("pause", "in.jsonl").status == 0)
                let arguments = ["worker", "--lease-size", "4"] + Self.slow
                let workers = try [bench.start(arguments), bench.start(arguments)]
                try #require(
                    try await eventually(within: .seconds(180)) {
                        try bench.count("SELECT count(*) FROM octavo.workers") == 2
                    })
                #expect(try await bench.octavo("resume", "in.jsonl").status == 0)
                try #require(try await eventually(within: .seconds(120)) { try bench.finishedCount() == 40 })
                for worker in workers { worker.signal(SIGTERM) }
                for worker in workers { #expect(try await status(of: worker) == 130, "\(worker.standardError)") }
                try await expectReferenceResults(bench)
                let sharing = try bench.count("SELECT count(DISTINCT worker) FROM octavo.lease_log WHERE remaining = 0")
                #expect(sharing == 2)
            }
        }

        @Test func `a worker takes over from a killed neighbor, and computes little again`() async throws {
            try await Workbench.with { bench in
                try await enqueueSamples(bench)
                let trace = WorkerTrace(path: bench.path("trace.jsonl"))
                let arguments = ["worker", "--drain", "--lease-size", "10", "--trace", trace.path] + Self.slow
                let survivor = try bench.start(arguments)
                var kills = 0
                while kills < 3 {
                    let victim = try bench.start(arguments)
                    guard try await trace.kill(victim, afterSampling: 250) else { break }
                    kills += 1
                }
                #expect(try await status(of: survivor) == 0, "\(survivor.standardError)")
                #expect(kills >= 1)
                try await expectReferenceResults(bench)
                let again = try trace.sampledTokens() - completionTokens(bench.jsonLines("out.jsonl"))
                print("killed \(kills) of two workers: \(again) tokens were computed again")
                #expect((0...kills * 5 * 8).contains(again))
                #expect(try bench.count("SELECT count(*) FROM octavo.failures") == 0)
            }
        }

        @Test func `a batch that is cancelled ends the run, which keeps what was finished`() async throws {
            try await Workbench.with { bench in
                try writeSamples(bench)
                let trace = WorkerTrace(path: bench.path("trace.jsonl"))
                let run = try bench.start(
                    ["run", bench.path("in.jsonl"), "-o", bench.path("out.jsonl"), "--trace", trace.path] + Self.slow)
                try #require(await trace.wait(for: run, toSample: 800))
                let cancel = try await bench.octavo("cancel", "in.jsonl")
                #expect(cancel.status == 0, "\(cancel.standardError)")
                #expect(try await status(of: run) == 1, "\(run.standardError)")
                #expect(run.standardError.contains("were cancelled"))
                let results = try bench.jsonLines("out.jsonl")
                let errors = try bench.jsonLines("out.errors.jsonl")
                #expect(results.count + errors.count == 40)
                #expect(!errors.isEmpty)
                #expect(errors.allSatisfy { $0["error"]?["code"] == "batch_cancelled" && $0["response"] == .null })
                let again = try await bench.octavo("cancel", "no-such-batch")
                #expect(again.status == 66)
            }
        }

        @Test func `retry queues again what failed, and nothing else`() async throws {
            try await Workbench.with { bench in
                try writeSamples(bench)
                let arguments = ["run", bench.path("in.jsonl"), "-o", bench.path("out.jsonl")] + Self.slow
                // 50 KiB hold too few positions for the longest requests.
                let first = try await bench.octavo(arguments + ["--kv-memory", "50KiB"])
                #expect(first.status == 1, "\(first.standardError)")
                let results = try bench.read("out.jsonl").split(separator: "\n")
                let errors = try bench.jsonLines("out.errors.jsonl")
                #expect(results.count + errors.count == 40 && !results.isEmpty && !errors.isEmpty)
                #expect(errors.allSatisfy { $0["response"]?["status_code"]?.integerValue == 400 })
                let retry = try await bench.octavo("retry", "in.jsonl")
                #expect(retry.status == 0)
                #expect(retry.standardError.contains("\(errors.count) requests queued again"))
                let second = try await bench.octavo(arguments)
                #expect(second.status == 0, "\(second.standardError)")
                #expect(second.standardError.contains("this worker: \(errors.count) finished"))
                let all = try bench.read("out.jsonl").split(separator: "\n")
                #expect(all.count == 40 && Set(results).isSubset(of: all))
                #expect(!bench.exists("out.errors.jsonl"))
                #expect(try await bench.octavo("retry", "in.jsonl").standardError.contains("no such failures"))
            }
        }

        @Test func `a paused batch is left alone until it is resumed`() async throws {
            try await Workbench.with { bench in
                try await enqueueSamples(bench)
                let trace = WorkerTrace(path: bench.path("trace.jsonl"))
                let worker = try bench.start(["worker", "--trace", trace.path] + Self.slow)
                try #require(await trace.wait(for: worker, toSample: 500))
                #expect(try await bench.octavo("pause", "in.jsonl").status == 0)
                let isReleased = try await eventually(within: .seconds(180)) {
                    try bench.count("SELECT count(*) FROM octavo.leases") == 0
                }
                #expect(isReleased)
                #expect(try bench.finishedCount() < 40)
                let report = try await bench.octavo("status", "in.jsonl", "--json")
                #expect(try JSONValue.parse(report.standardOutput)["batches"]?.arrayValue?.first?["state"] == "paused")
                #expect(try await bench.octavo("resume", "in.jsonl").status == 0)
                try #require(try await eventually(within: .seconds(120)) { try bench.finishedCount() == 40 })
                worker.signal(SIGINT)
                #expect(try await status(of: worker) == 130)
                try await expectReferenceResults(bench)
            }
        }
    }
}

// MARK: - Samples and what is expected of them

extension CommandLineTests.WorkerTests {
    /// The results of an undisturbed run, made once.
    private actor Reference {
        private var made: ResultDigest?

        func digest() async throws -> ResultDigest {
            if let made { return made }
            let digest = try await Workbench.with { bench in
                let input = try bench.write("in.jsonl", SampleRequests.lines(longest: 150).joined(separator: "\n"))
                let run = try await bench.octavo(
                    "run", input, "--model", TestModels.tiny, "-o", bench.path("out.jsonl"))
                #expect(run.status == 0, "\(run.standardError)")
                return ResultDigest(try bench.read("out.jsonl"))
            }
            made = digest
            return digest
        }
    }

    private static let reference = Reference()

    private func writeSamples(_ bench: Workbench) throws {
        try bench.write("in.jsonl", SampleRequests.lines(longest: 150).joined(separator: "\n"))
    }

    private func enqueueSamples(_ bench: Workbench) async throws {
        try writeSamples(bench)
        let enqueue = try await bench.octavo("enqueue", bench.path("in.jsonl"), "--model", TestModels.tiny)
        try #require(enqueue.status == 0, "\(enqueue.standardError)")
    }

    /// Exports, and compares with the results of an undisturbed run.
    private func expectReferenceResults(_ bench: Workbench) async throws {
        let export = try await bench.octavo("export", "in.jsonl", "-o", bench.path("out.jsonl"))
        #expect(export.status == 0, "\(export.standardError)")
        let expected = try await Self.reference.digest()
        #expect(ResultDigest(try bench.read("out.jsonl")) == expected)
    }
}

// MARK: - A server of its own

extension CommandLineTests.WorkerTests {
    private func withCluster(_ body: (Workbench, PrivateCluster) async throws -> Void) async throws {
        try await Workbench.withoutDatabase { bench in
            var bench = bench
            let cluster = TestDatabase.makeCluster(in: bench.directory.appending(path: "home"))
            bench.environment["OCTAVO_DATABASE_URL"] = try cluster.start()
            do {
                try await body(bench, cluster)
            } catch {
                try? cluster.stop()
                throw error
            }
            try cluster.stop()
        }
    }

    /// Stops a server as `pg_ctl stop` does: by SIGINT in mode fast, by SIGQUIT in mode immediate.
    private func stop(_ cluster: PrivateCluster, by signal: Int32) async throws {
        let process = try #require(cluster.status().processID)
        kill(process, signal)
        try #require(await eventually(within: .seconds(180)) { cluster.status().processID == nil })
    }
}
