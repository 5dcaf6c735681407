import OctavoTestSupport

extension Fault {
    /// What happens between workers and PostgreSQL.
    static let networkFaults = [
        Fault("lost-reply", "results are committed, but the reply to every other write of results is lost") { fault in
            fault.isFast = true
            fault.isComposable = true
        } strike: { trial in
            try await loseReplies(trial)
        },
        Fault("half-open", "all connections fall silent without being closed; new ones work", pace: .impatient) {
            fault in
            fault.isFast = true
            fault.isComposable = true
        } strike: { trial in
            trial.proxy.silenceConnections()
        },
        Fault("black-hole", "for twice the time of a lease nothing passes in either direction", pace: .impatient) {
            fault in
            fault.isComposable = true
        } strike: { trial in
            trial.proxy.set(.silent)
            try await Task.sleep(for: trial.pace.leaseDuration * 2)
            trial.proxy.set(.fair)
        },
        Fault("reset-mid-copy", "the connection of an enqueue is reset in the middle of its COPY") { fault in
            fault.isFast = true
            fault.workers = 0
        } strike: { trial in
            try await resetCopy(trial)
        },
    ]

    private static func loseReplies(_ trial: Trial) async throws {
        let before = trial.proxy.losses
        let total = try await trial.integer("SELECT sum(total)::bigint FROM octavo.batches")
        let left = try await total - trial.endedCount()
        trial.proxy.set(.losesReplies(to: "finish_v2", oneIn: 2))
        try await trial.wait(for: "ten replies to be lost") {
            if trial.proxy.losses >= before + 10 { return true }
            return try await trial.endedCount() == total
        }
        trial.proxy.set(.fair)
        let losses = trial.proxy.losses - before
        // After other faults, the work may be all but done.
        trial.journal.check(losses > 0 || left < 100, "no reply was lost")
        trial.journal.remark("\(losses) replies lost")
    }

    private static func resetCopy(_ trial: Trial) async throws {
        let file = try Workload().write(into: trial.directory)
        trial.proxy.set(.resets(after: "COPY octavo.requests", bytes: 20_000))
        let first = try await enqueueWindows(file, rows: 150, trial, database: trial.proxiedURL)
        trial.journal.check(first.status != 0, "enqueue did not notice that its connection was reset")
        let stored = try await trial.integer("SELECT count(*) FROM octavo.requests")
        trial.journal.check(stored == 0, "\(stored) requests of a COPY that was cut short are stored")
        trial.proxy.set(.fair)
        let second = try await enqueueWindows(file, rows: 150, trial, database: trial.proxiedURL)
        trial.journal.check(second.status == 0, "enqueue did not go on: \(second.standardError)")
        trial.journal.strike()
        try await trial.startWorkers(2)
    }

    /// Runs an enqueue in small windows, as a process of its own.
    static func enqueueWindows(
        _ file: String, rows: Int, _ trial: Trial, database: String
    ) async throws -> ProcessOutcome {
        try await runProcess(
            WorkerProgram.ourselves, enqueueArguments(file, rows: rows, database: database),
            environment: WorkerProgram.environment)
    }

    /// The arguments of an enqueue in small windows.
    static func enqueueArguments(_ file: String, rows: Int, database: String) -> [String] {
        ["enqueue-windows", "--database", database, "--window-rows", "\(rows)", file]
    }
}

extension Pace {
    /// As in earnest, a silent server is believed in for half the time of a lease.
    static let impatient = {
        var pace = Pace()
        pace.patienceMilliseconds = pace.leaseMilliseconds / 2
        return pace
    }()
}
