import Foundation
internal import OctavoJobs
public import OctavoQueue

/// Writes the results of a batch to files.
///
/// Works at any moment, also while the batch is running: every window of requests is read in a short transaction of its
/// own, while the one before is written, and a window of large answers in parts. The files appear whole or not at all.
/// Memory holds two windows or parts.
public struct Exporter: Sendable {
    let options: ExportOptions
    let queue: Queue
    let progress: @Sendable (ExportCounts) -> Void

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
        try await queue.expireOverdue()
        let summary = try await queue.batchSummary(options.batch)
        let settings = try await settings(of: options.batch)
        var rejectedSettings: BatchSettings?
        if let rejected = options.rejected { rejectedSettings = try await self.settings(of: rejected) }
        let output = try output()
        let errorsPath = try errorsPath(besides: output)
        let recipe = try recipe(of: settings)
        let errors = try errorsPath.map { path throws(BatchFileError) in
            try AtomicFile(path: path, compression: Compression(path: path))
        }
        var export = WindowExport(
            options: options, writer: options.lineWriter(settings, recipe: recipe, rejected: rejectedSettings),
            errorWriter: OpenAILineWriter(
                settings, fixedTime: options.fixedTime, includesRequests: options.includesPrompt),
            output: output, errors: errors)
        try export.writeHeader()
        let needsBodies = export.needsRequestBodies
        // Of the rows of a recipe, the first of a kind is kept, and several requests may make one.
        let order = recipe == nil ? options.order : .input
        var parts = ExportParts(exporter: self, order: order, withBodies: needsBodies)
        var next = try await rows(of: parts.next(), in: order, withBodies: needsBodies)
        while let rows = next {
            let part = try await parts.next()
            async let following = self.rows(of: part, in: order, withBodies: needsBodies)
            try export.write(rows, rejected: try await rejectedAnswers(to: rows))
            progress(export.counts)
            next = try await following
        }
        let counts = export.counts
        guard counts.total == summary.total else {
            throw ExportError.countMismatch(batch: options.batch, exported: counts.total, total: summary.total)
        }
        try export.finish()
        try output.finish()
        try errors?.finish()
        let keepsErrors = counts.errors > 0 || options.errors != nil
        if keepsErrors { try errors?.commit() } else if let errorsPath { try AtomicFile.remove(errorsPath) }
        try output.commit()
        export.commit()
        return ExportResult(
            format: recipe == nil ? options.format ?? .openai : .recipe, counts: counts, unsuitable: export.unsuitable,
            errorsPath: keepsErrors ? errorsPath : nil, shards: export.shardCount, dropped: export.dropped)
    }

    /// The recipe whose output is written; `nil` if another form was asked for, or there is none.
    private func recipe(of settings: BatchSettings) throws -> JobRecipe? {
        guard options.format == nil || options.format == .recipe else { return nil }
        let stored = try ResultRows.recipe(of: settings)
        if let given = options.job, given.requestsPerRow != stored?.requestsPerRow ?? 1 {
            throw ExportError.otherRecipe(batch: options.batch)
        }
        if let recipe = options.job ?? stored, recipe.hasOutput { return recipe }
        guard options.format == nil else { throw ExportError.noRecipe(batch: options.batch) }
        return nil
    }

    /// - Throws: `ExportError` for a batch that is still loading.
    private func settings(of batch: Int64) async throws -> BatchSettings {
        let state = try await queue.batchSummary(batch).state
        guard state != .loading, let settings = try await queue.batchSettings([batch]).first else {
            throw ExportError.incompleteBatch(batch: batch, state: state.name)
        }
        return settings
    }

    /// The rows of a part of the batch, in the order of the output; nil past the last.
    private func rows(
        of part: ExportPart?, in order: ExportOptions.Order, withBodies: Bool
    ) async throws -> [ExportRow]? {
        guard let part else { return nil }
        let rows = try await queue.export(
            batch: options.batch, part: part, includesRequestBodies: withBodies,
            includesTimings: options.includesTimings)
        guard order == .completion else { return rows }
        return rows.sorted { left, right in
            (left.outcome.time, left.line) < (right.outcome.time, right.line)
        }
    }

    /// The rejected answers to the same requests, in their order; nil if the format needs none.
    private func rejectedAnswers(to rows: [ExportRow]) async throws -> [StoredAnswer?]? {
        guard let rejected = options.rejected else { return nil }
        return try await queue.answers(batch: rejected, customIDs: rows.map(\.customID))
    }
}

/// What an export reads, one after the other.
private struct ExportParts {
    let exporter: Exporter
    let order: ExportOptions.Order
    let withBodies: Bool
    private var window = 0
    private var waiting: ArraySlice<ExportPart> = []

    init(exporter: Exporter, order: ExportOptions.Order, withBodies: Bool) {
        self.exporter = exporter
        self.order = order
        self.withBodies = withBodies
    }

    /// The next part; nil past the last.
    mutating func next() async throws -> ExportPart? {
        while waiting.isEmpty {
            let parts = try await exporter.queue.exportParts(
                batch: exporter.options.batch, window: window, byCompletion: order == .completion,
                includesRequestBodies: withBodies, maximumBytes: exporter.options.partBytes)
            guard let parts else { return nil }
            window += 1
            waiting = parts[...]
        }
        return waiting.popFirst()
    }
}

// MARK: - Files

extension Exporter {
    private func output() throws(BatchFileError) -> AtomicFile {
        guard let path = options.output else {
            guard options.format != .distill else { throw Self.needsFile("<stdout>") }
            return AtomicFile(standardOutput: STDOUT_FILENO)
        }
        let output = try AtomicFile(path: path, compression: Compression(path: path))
        guard output.isAtomic || options.format != .distill else { throw Self.needsFile(path) }
        return output
    }

    private static func needsFile(_ path: String) -> BatchFileError {
        BatchFileError(
            .unwritableOutput, file: path, reason: "has no place beside it for the tensors of --format distill",
            remedy: "Name a regular file.")
    }

    /// Where errors go: `results.errors.jsonl` beside `results.jsonl`, and compressed as that is, unless said otherwise.
    private func errorsPath(besides output: AtomicFile) throws(BatchFileError) -> String? {
        guard let errors = options.errors else {
            guard output.isAtomic else { return nil }
            let path = ExportPath(output.path)
            return path.stem + ".errors.jsonl" + path.compression
        }
        guard errors != options.output else {
            throw BatchFileError(
                .unwritableOutput, file: errors, reason: "is both the output and the error file",
                remedy: "Name two files.")
        }
        return errors
    }
}

extension ExportRow.Outcome {
    /// When the request ended, in seconds since 1970; the end of time if it has not.
    fileprivate var time: Int64 {
        switch self {
        case .finished(_, let finishedAt): finishedAt
        case .failed(_, _, _, let failedAt): failedAt
        case .cancelled, .expired, .pending: .max
        }
    }
}
