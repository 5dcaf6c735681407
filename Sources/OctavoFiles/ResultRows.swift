import Foundation
internal import OctavoCore
internal import OctavoJobs
internal import OctavoQueue

/// The results of a batch as rows: for a recipe that goes on from them, and for the output of the batch's own recipe.
struct ResultRows {
    private let queue: Queue

    init(_ queue: Queue) { self.queue = queue }

    /// The recipe that made a batch, if one did.
    ///
    /// - Throws: `JobError` if what is stored is no recipe.
    static func recipe(of settings: BatchSettings) throws -> JobRecipe? {
        try settings.job.map { try JobRecipe(stored: JSONValue.parse($0)) }
    }

    /// Writes the finished results of a batch as JSON lines into a file without a name.
    ///
    /// A row has the columns of the row that was asked about, those of the recipe's output if it has one, `custom_id`,
    /// `response` (the answer's text) and, where that is JSON, `json`. Only rows that the recipe's filters let through
    /// are there.
    func spool(_ batch: Int64) async throws -> InputFile {
        let name = "batch \(batch)"
        guard let settings = try await queue.batchSettings([batch]).first else {
            throw ExportError.incompleteBatch(batch: batch, state: "deleted")
        }
        let recipe = try Self.recipe(of: settings)
        var results = recipe.flatMap { $0.hasOutput ? JobResults($0) : nil }
        let descriptor = try InputFile.makeNameless(for: name)
        var file = SpoolFile(descriptor: descriptor)
        do {
            try await forEach(of: batch, requestsPerRow: recipe?.requestsPerRow ?? 1) { group in
                for row in Self.rows(for: group, &results) {
                    guard file.append(row) else { throw InputFile.unspoolable(name) }
                }
            }
            guard file.flush() else { throw InputFile.unspoolable(name) }
        } catch {
            close(descriptor)
            throw error
        }
        return InputFile(name: name, descriptor: descriptor, size: file.size)
    }

    /// Hands on the answers to each row of a batch that are all there, in the order of the rows.
    private func forEach(of batch: Int64, requestsPerRow: Int, _ body: ([RowAnswer]) throws -> Void) async throws {
        var groups = AnswerGroups(requestsPerRow: requestsPerRow)
        var window = 0
        while let rows = try await queue.export(batch: batch, window: window, includesRequestBodies: true) {
            for row in rows {
                guard case .finished(let response, _) = row.outcome else { continue }
                guard let answer = RowAnswer(row, response: response) else {
                    throw ExportError.malformedResult(batch: batch, line: row.line)
                }
                if let answers = groups.add(answer, line: row.line) { try body(answers) }
            }
            window += 1
        }
    }

    private static func rows(for group: [RowAnswer], _ results: inout JobResults?) -> [JSONObject] {
        var row = group[0].row
        row["custom_id"] = .string(group[0].customID)
        let message = group[0].response["choices"]?.arrayValue?.first
        if let text = (message?["message"]?["content"] ?? message?["text"])?.stringValue {
            row["response"] = .string(text)
            row["json"] = try? JSONValue.parse(text)
        }
        guard let made = results?.rows(for: group) else { return [row] }
        return made.enumerated().map { index, output in
            var result = row
            // Rows that one row became must not share its name.
            if made.count > 1 { result["custom_id"] = .string("\(group[0].customID)-\(index + 1)") }
            for member in output.members { result[member.key] = member.value }
            return result
        }
    }
}

/// Gathers lines for a file.
private struct SpoolFile {
    let descriptor: Int32
    private(set) var size: Int64 = 0
    private var buffer: [UInt8] = []

    init(descriptor: Int32) { self.descriptor = descriptor }

    /// Appends a row; `false`, with `errno`, when the system refuses.
    mutating func append(_ row: JSONObject) -> Bool {
        JSONValue.object(row).write(to: &buffer)
        buffer.append(UInt8(ascii: "\n"))
        return buffer.count < 1 << 20 || flush()
    }

    mutating func flush() -> Bool {
        size += Int64(buffer.count)
        defer { buffer.removeAll(keepingCapacity: true) }
        return buffer.withUnsafeBytes { writeAll($0, to: descriptor) }
    }
}
