import OctavoPostgres

/// What an export reads at once: a window of a batch, or some requests of one whose answers are large.
public struct ExportPart: Sendable, Hashable {
    var window: Int
    /// Of the requests, in the order of the export; nil for all of the window.
    var positions: [Int32]?
}

extension Queue {
    /// In what parts to export a window, so that each holds no more than some bytes, as they are stored, or one row.
    ///
    /// Answers with log-probabilities may have megabytes each, and a window 65,536 of them.
    ///
    /// - Parameter byCompletion: whether rows go by the moment they ended, what has not ended last, or else by line.
    /// - Returns: nil past the last window.
    public func exportParts(
        batch: Int64, window: Int, byCompletion: Bool, includesRequestBodies: Bool, maximumBytes: Int
    ) async throws -> [ExportPart]? {
        let whole = [ExportPart(window: window, positions: nil)]
        return try await perform { session in
            guard let positions = try session.window(window, of: batch) else { return nil }
            return try session.transaction { session in
                try session.execute(ExportPart.lookUps, name: "LookUpRows")
                let sample = try session.row(
                    SampleSize(batch: batch, positions: positions, includesRequestBodies: includesRequestBodies))
                // Four times, since a sample may miss what is large.
                guard sample * Double(positions.count) * 4 > Double(maximumBytes) else { return whole }
                let sizes = try session.rows(
                    MeasureRows(batch: batch, positions: positions, includesRequestBodies: includesRequestBodies))
                return ExportPart.parts(of: window, sizes, byCompletion: byCompletion, maximumBytes: maximumBytes)
            }
        }
    }

    /// The rows of a part, by line, or of some requests in the order of the part.
    ///
    /// - Parameters:
    ///   - includesRequestBodies: whether to read the requests' own bodies too.
    ///   - includesTimings: whether to read what the answers took.
    public func export(
        batch: Int64, part: ExportPart, includesRequestBodies: Bool, includesTimings: Bool
    ) async throws -> [ExportRow] {
        guard let positions = part.positions else {
            return try await export(
                batch: batch, window: part.window, includesRequestBodies: includesRequestBodies,
                includesTimings: includesTimings) ?? []
        }
        return try await perform { session in
            try session.transaction { session in
                try session.execute(ExportPart.lookUps, name: "LookUpRows")
                let rows = try session.rows(
                    ReadRows(batch: batch, positions: positions, includesRequestBodies: includesRequestBodies))
                let places = Dictionary(uniqueKeysWithValues: zip(positions.map(Int.init), positions.indices))
                let sorted = rows.sorted { (places[$0.position] ?? 0) < (places[$1.position] ?? 0) }
                return includesTimings ? try session.addTimings(to: sorted, of: batch) : sorted.map(\.row)
            }
        }
    }
}

extension ExportPart {
    /// Rows are looked up one by one, without which a planner that has no statistics yet may read whole tables.
    fileprivate static let lookUps = """
        SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off
        """

    fileprivate static func parts(
        of window: Int, _ sizes: [MeasureRows.Size], byCompletion: Bool, maximumBytes: Int
    ) -> [ExportPart] {
        let sorted = sizes.sorted { left, right in
            byCompletion ? (left.endedAt, left.line) < (right.endedAt, right.line) : left.line < right.line
        }
        var parts: [ExportPart] = []
        var bytes = 0
        for size in sorted {
            if parts.isEmpty || bytes + size.bytes > maximumBytes {
                parts.append(ExportPart(window: window, positions: []))
                bytes = 0
            }
            bytes += size.bytes
            parts[parts.count - 1].positions?.append(size.position)
        }
        return parts
    }
}

/// The bytes of a row, by those of the window's first.
private struct SampleSize: Statement {
    static let sql = """
        SELECT coalesce(avg(coalesce(pg_column_size(r.body), 0) + CASE WHEN $2 THEN pg_column_size(q.body) ELSE 0 END), 0)
               ::float8
          FROM (SELECT * FROM octavo.requests WHERE batch_id = $1 AND position >= $3 AND position < $4
                 ORDER BY batch_id, position LIMIT 256) AS q
          LEFT JOIN octavo.results r ON r.batch_id = $1 AND r.position = q.position
        """
    var batch: Int64
    var positions: Range<Int>
    var includesRequestBodies: Bool

    var parameters: [PostgresValue] {
        [
            .int(batch), .bool(includesRequestBodies), .int32(Int32(positions.lowerBound)),
            .int32(Int32(positions.upperBound)),
        ]
    }

    static func decode(_ row: PostgresRow) throws -> Double { try row.double(0) }
}

private struct MeasureRows: Statement {
    struct Size: Sendable {
        var position: Int32
        var line: Int
        var bytes: Int
        var endedAt: Int64
    }

    static let sql = """
        SELECT q.position, q.line,
               coalesce(pg_column_size(r.body), 0) + CASE WHEN $2 THEN pg_column_size(q.body) ELSE 0 END,
               extract(epoch FROM coalesce(r.finished_at, f.failed_at))::bigint
          FROM (SELECT * FROM octavo.requests WHERE batch_id = $1 AND position >= $3 AND position < $4
                 ORDER BY batch_id, position) AS q
          LEFT JOIN octavo.results r ON r.batch_id = $1 AND r.position = q.position
          LEFT JOIN octavo.failures f
            ON f.batch_id = $1 AND f.position = q.position AND f.is_final AND r.token IS NULL
        """
    var batch: Int64
    var positions: Range<Int>
    var includesRequestBodies: Bool

    var parameters: [PostgresValue] {
        [
            .int(batch), .bool(includesRequestBodies), .int32(Int32(positions.lowerBound)),
            .int32(Int32(positions.upperBound)),
        ]
    }

    static func decode(_ row: PostgresRow) throws -> Size {
        Size(
            position: Int32(try row.int(0)), line: try row.int(1), bytes: try row.int(2),
            endedAt: try row.optionalInt(3).map(Int64.init) ?? .max)
    }
}

private struct ReadRows: Statement {
    static let sql = """
        SELECT \(WindowRow.columns)
          FROM unnest($3::integer[]) AS p (position)
          JOIN octavo.requests q ON q.batch_id = $1 AND q.position = p.position
          LEFT JOIN octavo.results r ON r.batch_id = $1 AND r.position = q.position
          LEFT JOIN octavo.failures f
            ON f.batch_id = $1 AND f.position = q.position AND f.is_final AND r.token IS NULL
        """
    var batch: Int64
    var positions: [Int32]
    var includesRequestBodies: Bool

    var parameters: [PostgresValue] {
        [.int(batch), .bool(includesRequestBodies), .int4Array(positions)]
    }

    static func decode(_ row: PostgresRow) throws -> WindowRow { try WindowRow(row) }
}
