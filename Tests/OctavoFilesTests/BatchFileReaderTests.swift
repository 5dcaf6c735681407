import Foundation
import OctavoFiles
import Testing

@Suite struct BatchFileReaderTests {
    private func lines(
        _ paths: [String], from position: BatchFileReader.Position = .init(), bufferSize: Int = 1 << 18,
        maximumLineLength: Int = 16 << 20
    ) throws -> [BatchFileReader.Line] {
        var reader = BatchFileReader(
            try paths.map { try InputFile(path: $0) }, from: position, bufferSize: bufferSize,
            maximumLineLength: maximumLineLength)
        var lines: [BatchFileReader.Line] = []
        while let line = try reader.next() { lines.append(line) }
        return lines
    }

    private func texts(_ lines: [BatchFileReader.Line]) -> [String] {
        lines.map { String(decoding: $0.bytes, as: UTF8.self) }
    }

    @Test(arguments: 1...40)
    func `lines are the same whatever the size of the buffer`(bufferSize: Int) async throws {
        try await TestFiles.with { files in
            let first = try files.write("a", "\u{FEFF}one\r\ntwo\n\n  \nfünf\u{2028}\rsechs\nlast")
            let empty = try files.write("b", "")
            let second = try files.write("c", "\u{FEFF}seven\n\n")
            let lines = try lines([first, empty, second], bufferSize: bufferSize)
            #expect(texts(lines) == ["one\r", "two", "", "  ", "fünf\u{2028}\rsechs", "last", "seven", ""])
            #expect(lines.map(\.number) == [1, 2, 3, 4, 5, 6, 1, 2])
            #expect(lines.map(\.ordinal) == Array(1...8))
            #expect(lines.map(\.isBlank) == [false, false, true, true, false, false, false, true])
            #expect(lines.map(\.end.byte) == [8, 12, 13, 16, 31, 35, 9, 10])
            #expect(lines.last?.end.totalBytes == 45)
            #expect(lines.last?.file == second)
        }
    }

    @Test(arguments: ["", "\u{FEFF}"])
    func `a file without bytes has no lines`(text: String) async throws {
        try await TestFiles.with { files in
            let path = try files.write("a", text)
            #expect(try lines([path]).isEmpty)
        }
    }

    @Test(arguments: [1, 5, 1 << 18])
    func `reading can go on behind any line`(bufferSize: Int) async throws {
        try await TestFiles.with { files in
            let paths = [
                try files.write("a", "\u{FEFF}one\ntwo\r\n\nthree"), try files.write("b", "four\nfive\n"),
            ]
            let all = try lines(paths)
            for (index, line) in all.enumerated() {
                let rest = try lines(paths, from: line.end, bufferSize: bufferSize)
                #expect(texts(rest) == texts(Array(all[(index + 1)...])))
                #expect(rest.map(\.ordinal) == all[(index + 1)...].map(\.ordinal))
                #expect(rest.map(\.end) == all[(index + 1)...].map(\.end))
            }
        }
    }

    @Test(arguments: [1, 3, 1 << 18])
    func `of a line that is too long only the start is kept`(bufferSize: Int) async throws {
        try await TestFiles.with { files in
            let path = try files.write("a", "12345\n123456\n1234567890\nx")
            let lines = try lines([path], bufferSize: bufferSize, maximumLineLength: 5)
            #expect(texts(lines) == ["12345", "12345", "12345", "x"])
            #expect(lines.map(\.length) == [5, 6, 10, 1])
            #expect(lines.map(\.isTruncated) == [false, true, true, false])
        }
    }

    @Test func `the digest of a file is that of its bytes`() async throws {
        try await TestFiles.with { files in
            let paths = [
                try files.write("a", "\u{FEFF}abc"), try files.write("b", "abc"), try files.write("c", ""),
            ]
            var reader = BatchFileReader(try paths.map { try InputFile(path: $0) }, bufferSize: 2)
            while try reader.next() != nil {}
            // sha256sum of the three.
            #expect(
                reader.digests == [
                    "1c28dc3f1f804a1ad9c9b4b4cf5e2658d16ad4ed08e3020d04a8d2865018947c",
                    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                ])
        }
    }

    @Test func `a missing file is named`() {
        let error = #expect(throws: BatchFileError.self) { try InputFile(path: "/nowhere/prompts.jsonl") }
        #expect(error?.kind == .unreadableInput)
        #expect(
            error?.description
                == "/nowhere/prompts.jsonl: cannot be read (No such file or directory). Check the path.")
    }

    @Test func `a directory is not a file`() async throws {
        try await TestFiles.with { files in
            let error = #expect(throws: BatchFileError.self) { try InputFile(path: files.directory.path) }
            #expect(error?.kind == .unreadableInput)
            #expect(error?.reason == "is a directory")
        }
    }

    @Test func `a pipe is read twice from its copy`() async throws {
        let pipe = Pipe()
        try pipe.fileHandleForWriting.write(contentsOf: Data("one\ntwo\n".utf8))
        try pipe.fileHandleForWriting.close()
        let file = try InputFile(path: "/dev/fd/\(pipe.fileHandleForReading.fileDescriptor)")
        #expect(file.size == 8)
        for _ in 0..<2 {
            var reader = BatchFileReader([file])
            #expect(try reader.next()?.bytes == Array("one".utf8))
            #expect(try reader.next()?.bytes == Array("two".utf8))
            #expect(try reader.next() == nil)
        }
    }
}
