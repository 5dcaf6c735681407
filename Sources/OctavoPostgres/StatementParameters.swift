import CLibPQ

/// The parameters of one statement, encoded: all values in one buffer, and the arrays that libpq wants beside it.
struct StatementParameters {
    private var buffer: [UInt8] = []
    /// Where each value stands in the buffer; nil is NULL.
    private var ranges: [Range<Int>?] = []
    private var types: [Oid] = []

    init(_ values: [PostgresValue], statement: String?) throws(PostgresError) {
        guard values.count <= PQ_QUERY_PARAM_MAX_LIMIT else {
            throw PostgresError(.invalidValue, "more than 65535 parameters", statement: statement)
        }
        for (index, value) in values.enumerated() {
            let start = buffer.count
            do throws(PostgresError) {
                try value.encode(into: &buffer)
                guard buffer.count < PostgresValue.maximumSize else { throw PostgresError.valueTooLarge }
            } catch {
                var error = error
                error.message = "parameter $\(index + 1): \(error.message)"
                error.statement = statement
                throw error
            }
            ranges.append(value == .null ? nil : start..<buffer.count)
            types.append(value.type)
        }
        buffer.append(0)  // an empty last value needs an address too
    }

    /// Calls `PQsendQueryParams` with binary parameters and binary results; false if libpq refuses.
    func send(_ sql: String, on connection: OpaquePointer) -> Bool {
        buffer.withUnsafeBytes { bytes in
            let base = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            let pointers = ranges.map { range in range.flatMap { base?.advanced(by: $0.lowerBound) } }
            let lengths = ranges.map { Int32($0?.count ?? 0) }
            let formats = [Int32](repeating: 1, count: ranges.count)
            return PQsendQueryParams(
                connection, sql, Int32(ranges.count), types, pointers, lengths, formats, 1) == 1
        }
    }
}
