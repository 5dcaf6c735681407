import Foundation
public import OctavoQueue

/// Writes the results of a batch to files.
///
/// Works at any moment, also while the batch is running: every window of requests is read in a short transaction of its
/// own. The files appear whole or not at all. Memory holds one window.
public struct Exporter: Sendable {
    private let options: ExportOptions
    private let queue: Queue
    private let progress: @Sendable (ExportCounts) -> Void

    /// An exporter.
    ///
    /// - Parameter progress: called after each window with the counts so far.
    public init(
        _ options: ExportOptions, queue: Queue, progress: @escaping @Sendable (ExportCounts) -> Void = { _ in }
    ) {
        self.options = options
        self.queue = queue
        self.progress = progress
    }

    /// Exports what is there.
    ///
    /// - Throws: `BatchFileError` when a file cannot be written, `ExportError` when the database contradicts itself, and
    ///   what the queue throws. No file is touched then.
    public func run() async throws -> ExportResult {
        let summary = try await queue.batchSummary(options.batch)
        guard summary.state != .loading, let settings = try await queue.batchSettings([options.batch]).first else {
            throw ExportError.incompleteBatch(batch: options.batch, state: summary.state.name)
        }
        let output = try options.output.map(AtomicFile.init(path:)) ?? AtomicFile(standardOutput: STDOUT_FILENO)
        let errorsPath = try errorsPath(besides: output)
        let errors = try errorsPath.map(AtomicFile.init(path:))
        let writer = OpenAILineWriter(settings, fixedTime: options.fixedTime)
        var counts = ExportCounts()
        var window = 0
        while let rows = try await queue.export(batch: options.batch, window: window) {
            for row in ordered(rows) { try write(row, by: writer, to: output, errors, counts: &counts) }
            window += 1
            progress(counts)
        }
        guard counts.total == summary.total else {
            throw ExportError.countMismatch(batch: options.batch, exported: counts.total, total: summary.total)
        }
        try output.finish()
        try errors?.finish()
        let keepsErrors = counts.errors > 0 || options.errors != nil
        if keepsErrors { try errors?.commit() } else if let errorsPath { try AtomicFile.remove(errorsPath) }
        try output.commit()
        return ExportResult(counts: counts, errorsPath: keepsErrors ? errorsPath : nil)
    }

    /// Where errors go: `results.errors.jsonl` beside `results.jsonl`, unless said otherwise.
    private func errorsPath(besides output: AtomicFile) throws(BatchFileError) -> String? {
        guard let errors = options.errors else {
            guard output.isAtomic else { return nil }
            let name = output.path.split(separator: "/").last ?? ""
            let suffix = name.dropFirst().lastIndex(of: ".").map { name[$0...] } ?? ""
            return output.path.dropLast(suffix.count) + ".errors.jsonl"
        }
        guard errors != options.output else {
            throw BatchFileError(
                .unwritableOutput, file: errors, reason: "is both the output and the error file",
                remedy: "Name two files.")
        }
        return errors
    }

    private func ordered(_ rows: [ExportRow]) -> [ExportRow] {
        guard options.order == .completion else { return rows }
        return rows.sorted { left, right in
            (left.outcome.time, left.line) < (right.outcome.time, right.line)
        }
    }

    private func write(
        _ row: ExportRow, by writer: OpenAILineWriter, to output: AtomicFile, _ errors: AtomicFile?,
        counts: inout ExportCounts
    ) throws {
        switch row.outcome {
        case .finished(let body, let finishedAt):
            counts.finished += 1
            var isResponse = false
            try output.append { bytes in
                isResponse = writer.appendFinished(row, body: body, finishedAt: finishedAt, to: &bytes)
            }
            guard isResponse else { throw ExportError.malformedResult(batch: options.batch, line: row.line) }
        case .failed(let kind, let statusCode, let error, _):
            counts.failed += 1
            try errors?.append { bytes in
                writer.appendFailed(row, kind: kind, statusCode: statusCode, error: error, to: &bytes)
            }
        case .cancelled:
            counts.cancelled += 1
            try errors?.append { writer.appendCancelled(row, to: &$0) }
        case .pending: counts.pending += 1
        }
    }
}

extension ExportRow.Outcome {
    /// When the request ended, in seconds since 1970; the end of time if it has not.
    fileprivate var time: Int64 {
        switch self {
        case .finished(_, let finishedAt): finishedAt
        case .failed(_, _, _, let failedAt): failedAt
        case .cancelled, .pending: .max
        }
    }
}
