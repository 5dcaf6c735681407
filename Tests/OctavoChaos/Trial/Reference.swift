import OctavoQueue

/// The exports of undisturbed runs, made once for each workload and program.
actor Reference {
    private struct Key: Hashable {
        var workload: Workload
        var program: WorkerProgram
    }

    private let server: ChaosServer
    private var made: [Key: Task<String, any Error>] = [:]

    init(server: ChaosServer) { self.server = server }

    /// What a run that nothing disturbs exports.
    func export(of workload: Workload, by program: WorkerProgram) async throws -> String {
        let key = Key(workload: workload.harmless, program: program)
        if let run = made[key] { return try await run.value }
        let run = Task { [server] in try await Self.run(key.workload, by: key.program, on: server) }
        made[key] = run
        return try await run.value
    }

    private static func run(
        _ workload: Workload, by program: WorkerProgram, on server: ChaosServer
    ) async throws -> String {
        var pace = Pace()
        pace.stepMilliseconds = 0
        pace.leaseMilliseconds = 60_000
        pace.patienceMilliseconds = 30_000
        return try await Trial.with(server: server, program: program, pace: pace) { trial in
            let batch = try await trial.enqueue(workload)
            try await trial.startWorkers(1)
            try await trial.drain(patience: .seconds(300))
            return try await Oracle.export(batch, of: trial)
        }
    }
}
