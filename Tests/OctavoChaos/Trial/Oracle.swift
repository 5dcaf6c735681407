import Foundation
import OctavoCore
import OctavoFiles
import OctavoQueue
import OctavoTestSupport

/// What must hold after every fault, whatever it was.
struct Oracle {
    let trial: Trial

    /// Requests without an end, and requests with more than one.
    struct Census {
        var lost = 0
        var duplicated = 0
    }

    /// Counts the requests' ends and looks for what must not be left; problems go into the journal.
    func examine() async throws -> Census {
        var census = Census()
        census.lost = try await trial.integer(Self.ends("= 0 AND b.state <> 3"))
        census.duplicated = try await trial.integer(Self.ends("> 1"))
        trial.journal.check(census.lost == 0, "\(census.lost) requests have no end")
        trial.journal.check(census.duplicated == 0, "\(census.duplicated) requests have two ends")
        let miscounted = try await trial.integer(
            "SELECT count(*) FROM (\(QueueOracle.miscountedBatches)) AS miscounted")
        trial.journal.check(miscounted == 0, "the counters of \(miscounted) batches differ from a recount")
        for table in QueueOracle.emptyAtTheEnd {
            let left = try await trial.integer("SELECT count(*) FROM octavo.\(table)")
            trial.journal.check(left == 0, "\(left) rows are left in \(table)")
        }
        return census
    }

    /// Counts requests by the number of their ends.
    private static func ends(_ condition: String) -> String {
        """
        SELECT count(*) FROM octavo.requests q JOIN octavo.batches b ON b.id = q.batch_id
         WHERE (SELECT count(*) FROM octavo.results r WHERE r.batch_id = q.batch_id AND r.position = q.position)
             + (SELECT count(*) FROM octavo.failures f
                 WHERE f.batch_id = q.batch_id AND f.position = q.position AND f.is_final) \(condition)
        """
    }

    /// Exports a batch and compares with the export of an undisturbed run.
    ///
    /// - Parameter without: requests that are meant to have failed.
    /// - Parameter isPartial: whether requests may be missing, because the batch was cancelled.
    func compare(_ batch: Int64, with reference: String, without failed: Set<String>, isPartial: Bool) async throws {
        let output = try await Self.export(batch, of: trial)
        let lines = output.split(separator: "\n")
        let expected = reference.split(separator: "\n").filter { line in
            failed.isEmpty || !failed.contains(Self.customID(of: line))
        }
        if isPartial {
            let strange = Set(lines).subtracting(expected).count
            trial.journal.check(strange == 0, "\(strange) lines of the export differ from the undisturbed run's")
            trial.journal.check(Set(lines).count == lines.count, "lines of the export are doubled")
        } else {
            let differing = zip(lines, expected).count { $0 != $1 } + abs(lines.count - expected.count)
            trial.journal.check(
                lines == expected, "the export differs from the undisturbed run's in \(differing) lines")
        }
    }

    private static func customID(of line: Substring) -> String {
        (try? JSONValue.parse(Array(line.utf8)))?["custom_id"]?.stringValue ?? ""
    }

    /// The export of a batch, with a fixed time.
    static func export(_ batch: Int64, of trial: Trial) async throws -> String {
        var options = ExportOptions(batch: batch, output: trial.directory.appending(path: "\(batch).out.jsonl").path)
        options.fixedTime = 1_700_000_000
        _ = try await Exporter(options, queue: trial.queue).run()
        return try String(contentsOfFile: options.output ?? "", encoding: .utf8)
    }
}
