import Foundation
import OctavoTestSupport

extension Fault {
    /// A disk is full.
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
        Fault("disk-full-export", "the disk that an export is written to is too small, and larger later") { fault in
            fault.obstacle = { _ in SmallDisk.obstacle }
        } strike: { trial in
            try await exportToFullDisk(trial)
        },
    ]

    private static func exportToFullDisk(_ trial: Trial) async throws {
        try await trial.drain(patience: .seconds(300))
        let whole = try await Oracle.export(1, of: trial)
        let folder = trial.directory.appending(path: "small-disk").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { SmallDisk.unmount(folder) }
        try SmallDisk.mount(folder, kilobytes: whole.utf8.count / 2048, options: "mode=700")
        let output = folder + "/results.jsonl"
        try "an earlier export".write(toFile: output, atomically: false, encoding: .utf8)

        let failed = try await export(to: output, trial)
        trial.journal.strike()
        trial.journal.check(
            failed.status == 73 && failed.standardError.contains(output),
            "the export ended with \(failed.status): \(failed.standardError)")
        trial.journal.check(
            try String(contentsOfFile: output, encoding: .utf8) == "an earlier export",
            "the earlier file was touched")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder)
        trial.journal.check(files == ["results.jsonl"], "the failed export left \(files)")

        try SmallDisk.mount(folder, kilobytes: whole.utf8.count / 256, options: "mode=700,remount")
        let done = try await export(to: output, trial)
        trial.journal.check(done.status == 0, "the last export failed: \(done.standardError)")
        trial.journal.check(
            try String(contentsOfFile: output, encoding: .utf8) == whole, "the last export differs")
    }

    private static func export(to output: String, _ trial: Trial) async throws -> ProcessOutcome {
        try await runProcess(
            TestPaths.octavoExecutable, ["export", "1", "--output", output, "--database", trial.directURL],
            environment: WorkerProgram.environment.merging(["SOURCE_DATE_EPOCH": "1700000000"]) { $1 })
    }

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
