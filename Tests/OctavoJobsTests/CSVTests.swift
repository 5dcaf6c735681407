import OctavoJobs
import Testing

@Suite struct CSVTests {
    @Test(arguments: [
        ("a,b", ["a", "b"]), ("", [""]), (",", ["", ""]), ("a,", ["a", ""]),
        ("\"a,b\",c\r", ["a,b", "c"]), ("\"a\"\"b\"", ["a\"b"]), ("\"a\nb\",\"\"", ["a\nb", ""]),
        (" a , b ", [" a ", " b "]), ("é,☕", ["é", "☕"]),
    ])
    func `fields are what RFC 4180 says`(record: String, expected: [String]) throws {
        #expect(try CSVRecord.fields(of: Array(record.utf8)) == expected)
    }

    @Test(arguments: [("a\"b", 1), ("x,\"a", 2), ("x,\"a\"b,c", 2), ("\"", 1)])
    func `a quote out of place is an error of its field`(record: String, field: Int) {
        let problem = #expect(throws: CSVRecord.Problem.self) { try CSVRecord.fields(of: Array(record.utf8)) }
        #expect(problem?.field == field)
    }

    @Test(arguments: [["a", "b"], [""], ["a,b", "c\"d", "e\r\nf", " g"], ["", ""]])
    func `what is written reads the same`(fields: [String]) throws {
        var bytes: [UInt8] = []
        CSVRecord.write(fields, to: &bytes)
        #expect(bytes.suffix(2) == [0x0D, 0x0A])
        #expect(try CSVRecord.fields(of: Array(bytes.dropLast())) == fields)
    }

    @Test(arguments: 1...12)
    func `records end where no quotes enclose the line break, however the bytes come`(pieceSize: Int) {
        let bytes = Array("a,\"b\n\"\"c\"\"\n\",d\r\n5\" disk,x\n".utf8)
        var ends: [Int] = []
        var scanner = CSVRecordScanner()
        var innerLines: [Int] = []
        var place = 0
        while place < bytes.count {
            let piece = bytes[place..<min(place + pieceSize, bytes.count)]
            if let end = scanner.end(in: piece) {
                ends.append(end)
                innerLines.append(scanner.innerLines)
                scanner = CSVRecordScanner()
                place = end + 1
            } else {
                place = piece.endIndex
            }
        }
        #expect(ends == [15, 25])
        #expect(innerLines == [2, 0])
    }
}
