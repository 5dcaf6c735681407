import OctavoTestSupport

extension Fault {
    /// PostgreSQL's disk is full.
    static let diskFaults = [
        Fault("disk-full-copy", "PostgreSQL's disk fills up in the middle of an enqueue's COPY") { fault in
            fault.obstacle = { _ in SmallDisk.obstacle }
            fault.workers = 0
        } strike: { trial in
            try await fillDuringCopy(trial)
        },
        Fault("disk-full-finish", "PostgreSQL's disk fills up while results are written, and has room again later") {
            fault in
            fault.obstacle = { _ in SmallDisk.obstacle }
            fault.workers = 0
        } strike: { trial in
            try await fillDuringFinish(trial)
        },
    ]

    private static func fillDuringCopy(_ trial: Trial) async throws {
        let table = "octavo.requests"
        let disk = try await SmallDisk(for: table, of: trial)
        let file = try Workload().write(into: trial.directory)
        disk.fill()
        let first = try await enqueueWindows(file, rows: 150, trial, database: trial.directURL)
        trial.journal.check(
            first.status != 0 && first.standardError.contains("53100"),
            "enqueue ended with \(first.status): \(first.standardError)")
        disk.free()
        let second = try await enqueueWindows(file, rows: 150, trial, database: trial.directURL)
        trial.journal.check(second.status == 0, "enqueue did not go on: \(second.standardError)")
        trial.journal.strike()
        try await trial.startWorkers(2)
        try await trial.drain(patience: .seconds(300))
        try await disk.remove(table)
    }

    private static func fillDuringFinish(_ trial: Trial) async throws {
        let table = "octavo.results"
        let disk = try await SmallDisk(for: table, of: trial)
        try await trial.enqueue(Workload())
        try await trial.startWorkers(3)
        try await trial.wait(forShare: 0.1)
        disk.fill()
        trial.journal.strike()
        // What is allocated already is used up first.
        try await Task.sleep(for: .seconds(3))
        let deaths = await trial.fleet.deaths.count
        trial.journal.check(deaths == 0, "\(deaths) workers ended because the disk was full")
        let unfinished = try await trial.integer("SELECT count(*) FROM octavo.batches WHERE state = 1")
        trial.journal.check(unfinished == 1, "the disk was not full enough")
        disk.free()
        try await trial.drain(patience: .seconds(300))
        try await disk.remove(table)
    }
}
