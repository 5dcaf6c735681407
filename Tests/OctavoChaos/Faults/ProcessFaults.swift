import Foundation
import OctavoTestSupport

extension Fault {
    /// What happens to workers.
    static let processFaults = [
        Fault("sigkill-one", "one of three workers is killed by SIGKILL while it decodes") { fault in
            fault.isFast = true
            fault.isComposable = true
            fault.boundsRecomputing = true
        } strike: { trial in
            await kill(1, of: trial)
        },
        Fault("pgbouncer", "workers reach the server by PgBouncer in transaction mode, and one of them is killed") {
            fault in
            fault.isFast = true
            fault.workers = 0
            fault.obstacle = { _ in PgBouncer.obstacle }
        } strike: { trial in
            let pooler = try await PgBouncer(in: trial.directory, serverDirectory: trial.server.socketDirectory)
            try await trial.enqueue(Workload())
            try await trial.startWorkers(3, database: pooler.url(trial.database))
            try await trial.wait(forShare: 0.2)
            trial.journal.strike()
            await kill(1, of: trial)
            try await trial.drain(patience: .seconds(120))
            // Before the pooler is gone, which ends with this closure.
            let stubborn = await trial.fleet.stop()
            trial.journal.check(stubborn == 0, "\(stubborn) workers did not stop when asked to")
            extendLifetime(pooler)
        },
        Fault(
            "sigkill-among-identical",
            "a worker is killed whose requests others wait for, to be answered by copies of one answer",
            workload: .identical
        ) { fault in
            fault.isFast = true
        } strike: { trial in
            await kill(1, of: trial)
            try await trial.drain(patience: .seconds(120))
            let copied = try await trial.integer("SELECT reused FROM octavo.batches")
            trial.journal.remark("\(copied) of \(Workload.identical.requests) copied")
            trial.journal.check(copied > 0, "nothing was copied")
        },
        Fault("sigkill-all", "all workers are killed by SIGKILL at once, and started again two seconds later") {
            fault in
            fault.isComposable = true
            fault.boundsRecomputing = true
        } strike: { trial in
            await trial.fleet.setKeepsUp(false)
            await kill(3, of: trial)
            try await Task.sleep(for: .seconds(2))
            await trial.fleet.setKeepsUp(true)
        },
        Fault("sigstop", "a worker is stopped by SIGSTOP until others have its requests, and then goes on") { fault in
            fault.isFast = true
            fault.isComposable = true
        } strike: { trial in
            try await freeze(trial)
        },
        Fault("sigterm", "a worker is told to stop by SIGTERM, and gives back what it holds", workload: .longAnswers) {
            fault in
            fault.program = .tiny
            fault.boundsRecomputing = true
        } strike: { trial in
            try await terminate(trial)
        },
        Fault(
            "sigterm-twice", "a worker that cannot give back, for the server is down, gets a second SIGTERM",
            workload: .longAnswers
        ) { fault in
            fault.isSolitary = true
            fault.program = .tiny
        } strike: { trial in
            try await terminateTwice(trial)
        },
    ]

    private static func kill(_ count: Int, of trial: Trial) async {
        for process in await trial.fleet.processes.shuffled().prefix(count) {
            process.signal(SIGKILL)
            trial.journal.countKill()
        }
    }

    /// The leases that a process holds, as an SQL array.
    private static func leases(of process: RunningProcess, _ trial: Trial) async throws -> String {
        let tokens = try await trial.integers(
            """
            SELECT l.token FROM octavo.leases l JOIN octavo.workers w ON w.name = l.worker
             WHERE w.pid = \(process.processID)
            """)
        return "('{\(tokens.map(String.init).joined(separator: ","))}'::bigint[])"
    }

    private static func freeze(_ trial: Trial) async throws {
        guard let zombie = await trial.fleet.processes.randomElement() else { return }
        zombie.signal(SIGSTOP)
        let tokens = try await leases(of: zombie, trial)
        try await trial.wait(for: "the stopped worker's leases to be taken") {
            try await trial.integer("SELECT count(*) FROM octavo.leases WHERE token = ANY \(tokens)") == 0
        }
        let written = "SELECT count(*) FROM octavo.results WHERE token = ANY \(tokens)"
        let before = try await trial.integer(written)
        zombie.signal(SIGCONT)
        try await Task.sleep(for: .seconds(1))
        let after = try await trial.integer(written)
        trial.journal.check(after == before, "the worker wrote \(after - before) results under leases it had lost")
        let complaints = await trial.fleet.complaints
        trial.journal.check(
            tokens.contains("{}") || complaints.contains("lease lost") || complaints.contains("fenced"),
            "the worker did not say that it had lost its leases")
    }

    private static func terminate(_ trial: Trial) async throws {
        guard let worker = await trial.fleet.processes.randomElement() else { return }
        let tokens = try await leases(of: worker, trial)
        let start = ContinuousClock.now
        worker.signal(SIGTERM)
        let status = await worker.wait(timeout: .seconds(30))
        trial.journal.remark("left within \(trial.seconds(since: start))")
        trial.journal.check(status == 130, "the worker ended with \(status.map(String.init) ?? "nothing in 30 s")")
        let held = try await trial.integer("SELECT count(*) FROM octavo.leases WHERE token = ANY \(tokens)")
        let lost = try await trial.integer(
            "SELECT count(*) FROM octavo.lease_log WHERE token = ANY \(tokens) AND outcome = 'lost'")
        trial.journal.check(held == 0 && lost == 0, "of its leases, \(held) were not given back and \(lost) were lost")
    }

    private static func terminateTwice(_ trial: Trial) async throws {
        guard let worker = await trial.fleet.processes.randomElement() else { return }
        try await trial.server.stop(.fast)
        worker.signal(SIGTERM)
        let first = await worker.wait(timeout: .seconds(1))
        trial.journal.check(first == nil, "the worker did not wait for the server after the first signal")
        let start = ContinuousClock.now
        worker.signal(SIGTERM)
        let status = await worker.wait(timeout: .seconds(5))
        trial.journal.remark("left within \(trial.seconds(since: start))")
        trial.journal.check(status == 130, "the worker ended with \(status.map(String.init) ?? "nothing in 5 s")")
        try await trial.server.start()
    }
}

extension Workload {
    /// Five requests of each kind, side by side and far apart, and as many kinds as others have requests: with fewer, one
    /// worker could be through before the last has begun.
    fileprivate static let identical = {
        var workload = Workload()
        workload.distinct = workload.requests
        workload.requests *= 5
        return workload
    }()

    /// For a model whose steps take a fraction of a millisecond.
    fileprivate static let longAnswers = {
        var workload = Workload(name: "long-answers")
        workload.requests = 200
        workload.longestAnswer = 240
        return workload
    }()
}
