import Foundation
import OctavoQueue
import OctavoTestSupport

extension Fault {
    /// What users do at bad moments.
    static let queueFaults = [
        Fault("sixteen-claimers", "sixteen workers claim from one batch, two requests at a time", pace: .tinyLeases) {
            fault in
            fault.workers = 0
        } strike: { trial in
            try await trial.enqueue(Workload())
            trial.journal.strike()
            try await trial.startWorkers(16)
            try await trial.drain(patience: .seconds(300))
            let deadlocks = try await trial.integer(
                "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
            trial.journal.check(deadlocks == 0, "\(deadlocks) deadlocks")
            let lost = try await trial.integer("SELECT count(*) FROM octavo.lease_log WHERE outcome = 'lost'")
            trial.journal.check(lost == 0, "\(lost) leases were lost, though no worker was")
        },
        Fault("enqueue-twice", "the same file is enqueued by two processes at once") { fault in
            fault.isFast = true
            fault.workers = 0
        } strike: { trial in
            try await enqueueTwice(trial)
        },
        Fault("enqueue-killed", "an enqueue is killed at random moments, twelve times, and run again each time") {
            fault in
            fault.workers = 0
        } strike: { trial in
            try await killEnqueues(trial)
        },
        Fault("export-killed", "an export is killed at random moments, twelve times, and run again each time") { _ in
        } strike: { trial in
            try await killExports(trial)
        },
        Fault("pause-resume", "the batch is paused while it is decoded, and resumed when the workers have let go") {
            fault in
            fault.isFast = true
            fault.isComposable = true
        } strike: { trial in
            try await pauseAndResume(trial)
        },
        Fault("cancel", "the batch is cancelled while it is decoded") { fault in
            fault.isFast = true
            fault.isPartial = true
        } strike: { trial in
            try await cancel(trial)
        },
        Fault("urgent-beside-giant", "a small urgent batch arrives while a large one is decoded") { _ in
        } strike: { trial in
            try await addUrgentBatch(trial)
        },
    ]

    private static func pauseAndResume(_ trial: Trial) async throws {
        guard let batch = try await trial.queue.status().first?.summary, batch.state == .active else { return }
        try await trial.queue.pause(batch.id)
        let start = ContinuousClock.now
        try await trial.wait(for: "the workers to let go") {
            try await trial.integer("SELECT count(*) FROM octavo.leases") == 0
        }
        trial.journal.remark("let go within \(trial.seconds(since: start))")
        try await expectStandstill(trial, "paused")
        if try await trial.queue.batchSummary(batch.id).state == .paused { try await trial.queue.resume(batch.id) }
    }

    private static func cancel(_ trial: Trial) async throws {
        guard let batch = try await trial.queue.status().first?.summary else { return }
        try await trial.queue.cancel(batch.id)
        let start = ContinuousClock.now
        let atOnce = try await trial.integer("SELECT count(*) FROM octavo.results")
        try await trial.wait(for: "the workers to let go") {
            try await trial.integer("SELECT count(*) FROM octavo.leases") == 0
        }
        trial.journal.remark("let go within \(trial.seconds(since: start))")
        try await expectStandstill(trial, "cancelled")
        let later = try await trial.integer("SELECT count(*) FROM octavo.results")
        trial.journal.check(later == atOnce, "\(later - atOnce) results were written after the cancellation")
    }

    private static func expectStandstill(_ trial: Trial, _ state: String) async throws {
        let before = try await trial.endedCount()
        try await Task.sleep(for: .milliseconds(500))
        let after = try await trial.endedCount()
        trial.journal.check(after == before, "\(after - before) requests ended while the batch was \(state)")
    }

    private static func addUrgentBatch(_ trial: Trial) async throws {
        var urgent = Workload(name: "urgent")
        urgent.requests = 16
        urgent.priority = 0
        let start = ContinuousClock.now
        let batch = try await trial.enqueue(urgent)
        try await trial.wait(for: "the urgent batch") {
            try await trial.queue.batchSummary(batch).state == .completed
        }
        trial.journal.remark("the urgent batch took \(trial.seconds(since: start))")
        let unfinished = try await trial.queue.status().contains { $0.summary.state == .active }
        trial.journal.check(unfinished, "the large batch was finished first")
        // Before it is begun, what was claimed before it came is finished, and what was claimed ahead. Beside it, others of
        // the large batch are, too.
        let behind = try await trial.integer(
            """
            SELECT count(*) FROM octavo.results r JOIN octavo.batches u ON u.id = \(batch)
             WHERE r.batch_id <> \(batch) AND r.finished_at BETWEEN u.activated_at AND u.started_at
            """)
        let bound = 2 * trial.pace.leaseSize * 3
        trial.journal.check(behind <= bound, "\(behind) requests of the large batch went first; \(bound) were claimed")
    }
}

// MARK: - Commands that are killed

extension Fault {
    private static func enqueueTwice(_ trial: Trial) async throws {
        let file = try Workload().write(into: trial.directory)
        async let first = enqueueWindows(file, rows: 20, trial, database: trial.directURL)
        async let second = enqueueWindows(file, rows: 20, trial, database: trial.directURL)
        for outcome in try await [first, second] {
            trial.journal.check(
                outcome.status == 0 && outcome.standardOutput == "1\n",
                "an enqueue ended with \(outcome.status): \(outcome.standardOutput)\(outcome.standardError)")
        }
        try await work(on: Workload(), trial)
    }

    private static func killEnqueues(_ trial: Trial) async throws {
        let file = try Workload().write(into: trial.directory)
        let arguments = enqueueArguments(file, rows: 2, database: trial.directURL)
        var kills = 0
        for _ in 0..<12 {
            let process = try RunningProcess(
                WorkerProgram.ourselves, arguments, environment: WorkerProgram.environment)
            // It comes some windows further each time.
            let goal = try await trial.integer("SELECT count(*) FROM octavo.requests") + .random(in: 0...12)
            _ = try await eventually(within: .milliseconds(.random(in: 20...800))) {
                try await trial.integer("SELECT count(*) FROM octavo.requests") > goal
            }
            process.signal(SIGKILL)
            if await process.wait(timeout: .seconds(10)) == 128 + SIGKILL { kills += 1 }
        }
        trial.journal.remark("\(kills) kills")
        let last = try await enqueueWindows(file, rows: 2, trial, database: trial.directURL)
        trial.journal.check(last.status == 0, "the last enqueue failed: \(last.standardError)")
        try await work(on: Workload(), trial)
    }

    /// Checks that a workload is stored once, and starts workers.
    private static func work(on workload: Workload, _ trial: Trial) async throws {
        let stored = try await trial.integer("SELECT count(*) FROM octavo.requests")
        trial.journal.check(
            stored == workload.requests, "\(stored) requests are stored instead of \(workload.requests)")
        trial.journal.strike()
        try await trial.startWorkers(2)
    }

    private static func killExports(_ trial: Trial) async throws {
        try await trial.drain(patience: .seconds(300))
        let whole = try await Oracle.export(1, of: trial)
        let output = trial.directory.appending(path: "killed.jsonl").path
        let arguments = ["export", "1", "--output", output, "--database", trial.directURL]
        let environment = WorkerProgram.environment.merging(["SOURCE_DATE_EPOCH": "1700000000"]) { $1 }
        var kills = 0
        for _ in 0..<12 {
            let process = try RunningProcess(TestPaths.octavoExecutable, arguments, environment: environment)
            _ = await process.wait(timeout: .milliseconds(.random(in: 1...40)))
            process.signal(SIGKILL)
            if await process.wait(timeout: .seconds(10)) == 128 + SIGKILL { kills += 1 }
            let text = try? String(contentsOfFile: output, encoding: .utf8)
            trial.journal.check(text == nil || text == whole, "a killed export left a torn file")
            try? FileManager.default.removeItem(atPath: output)
        }
        trial.journal.remark("\(kills) kills")
        let last = try await runProcess(TestPaths.octavoExecutable, arguments, environment: environment)
        trial.journal.check(last.status == 0, "the last export failed: \(last.standardError)")
        let text = try String(contentsOfFile: output, encoding: .utf8)
        trial.journal.check(text == whole, "the last export differs")
    }
}

extension Pace {
    /// So that claims are all that the workers do.
    fileprivate static let tinyLeases = {
        var pace = Pace()
        pace.leaseSize = 2
        pace.stepMilliseconds = 1
        pace.leaseMilliseconds = 20_000
        return pace
    }()
}
