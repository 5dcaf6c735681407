import OctavoQueue
import OctavoTestSupport

/// Takes faults through their trials: work and workers, the fault, the end of the work, the oracle.
struct TrialRun: Sendable {
    let server: ChaosServer
    let reference: Reference
    let surroundings: Surroundings
    /// Where what workers complained goes, after a trial that failed.
    let explain: @Sendable (String) -> Void

    /// Lets one fault happen.
    func run(_ fault: Fault) async -> FaultReport {
        if let reason = fault.obstacle(surroundings) {
            return FaultReport(name: fault.name, outcome: .notRunnable(reason))
        }
        let program = fault.program ?? surroundings.program
        do {
            let expected = try await reference.export(of: fault.workload, by: program)
            return try await Trial.with(server: server, program: program, pace: fault.pace) { trial in
                let report = await run(fault, in: trial, expected: expected)
                if report.outcome == .failed { explain(await trial.fleet.complaints) }
                return report
            }
        } catch {
            return FaultReport(name: fault.name, outcome: .failed, problems: ["\(error)"])
        }
    }

    private func run(_ fault: Fault, in trial: Trial, expected: String) async -> FaultReport {
        var report = FaultReport(name: fault.name, outcome: .passed)
        do {
            if fault.workers > 0 { try await begin(fault, in: trial) }
            try await fault.strike(trial)
            try await trial.drain(patience: fault.patience)
            let stubborn = await trial.fleet.stop()
            trial.journal.check(stubborn == 0, "\(stubborn) workers did not stop when asked to")
            let oracle = Oracle(trial: trial)
            let census = try await oracle.examine()
            (report.lost, report.duplicated) = (census.lost, census.duplicated)
            for batch in try await trial.queue.status() where batch.summary.source.hasSuffix(fault.workload.fileName) {
                try await oracle.compare(
                    batch.summary.id, with: expected, without: fault.workload.poisonIDs, isPartial: fault.isPartial)
            }
            let failed = try await trial.integer("SELECT count(*) FROM octavo.failures WHERE is_final")
            trial.journal.check(
                failed == fault.workload.poison.count,
                "\(failed) requests failed, \(fault.workload.poison.count) would be right")
            try await measure(&report, fault, trial)
        } catch {
            report.problems.append("\(error)")
        }
        let notes = trial.journal.notes
        report.problems += notes.problems
        report.remarks = notes.remarks
        if !report.problems.isEmpty { report.outcome = .failed }
        return report
    }

    /// Brings workers under way: the fault is to strike while they decode.
    private func begin(_ fault: Fault, in trial: Trial) async throws {
        try await trial.enqueue(fault.workload)
        try await trial.startWorkers(fault.workers, prefix: fault.prefix)
        try await trial.wait(forShare: 0.1)
        try await trial.wait(for: "a lease of every worker") {
            try await trial.integer("SELECT count(DISTINCT worker) FROM octavo.leases") >= fault.workers
        }
        trial.journal.strike()
    }

    private func measure(_ report: inout FaultReport, _ fault: Fault, _ trial: Trial) async throws {
        let notes = trial.journal.notes
        // Of identical requests, one answer has to be computed.
        let isEveryAnswerComputed = fault.workload.distinct == nil
        report.totalTokens = try await trial.integer(
            """
            SELECT coalesce(sum(completion_tokens), 0)
              FROM (SELECT DISTINCT completion_tokens, body, \(isEveryAnswerComputed ? "batch_id, position" : "0")
                      FROM octavo.results) AS computed
            """)
        report.recomputedTokens = sampledTokens(inTrace: trial.trace) - report.totalTokens
        report.burnedAttempts = try await trial.integer("SELECT coalesce(sum(attempts), 0) FROM octavo.failures")
        if let struck = notes.struck {
            report.firstCompletion = try await seconds(
                "SELECT min(finished_at) AS moment FROM octavo.results WHERE finished_at > to_timestamp(\(struck))",
                after: struck, trial)
            report.drained = try await seconds(
                "SELECT max(completed_at) AS moment FROM octavo.batches", after: struck, trial)
        }
        trial.journal.check(
            report.burnedAttempts <= fault.burnedAttempts,
            "\(report.burnedAttempts) attempts were burned, \(fault.burnedAttempts) would be right")
        guard fault.boundsRecomputing, fault.workload.poison.isEmpty else { return }
        let bound = notes.kills * fault.pace.maximumBatch * fault.pace.checkpointTokens
        trial.journal.check(
            report.recomputedTokens <= bound,
            "\(report.recomputedTokens) tokens were computed again; \(notes.kills) kills may cost \(bound)")
    }

    private func seconds(_ moment: String, after start: Double, _ trial: Trial) async throws -> Double? {
        let milliseconds = try await trial.integers(
            """
            SELECT round(1000 * (extract(epoch FROM moment) - \(start)))::bigint FROM (\(moment)) AS m
             WHERE moment IS NOT NULL
            """)
        return milliseconds.first.map { Double($0) / 1000 }
    }
}
