import Foundation
import OctavoCore
import OctavoLlama
import OctavoTokenizer

/// Measures a tokenizer on documents that it has not seen, in the middle of many like them: it forgets everything,
/// encodes every other document, and is then timed on those between; and the same with the halves exchanged.
struct TokenizerBenchmark {
    let tokenizer: Tokenizer
    let runs: Int
    let report: BenchReport

    /// Encoding, by all of `threads`; each takes the next document when it is done with one of its own.
    func encode(_ corpus: BenchCorpus, threads: ComputeThreads) {
        let which = [("corpus", corpus.name), ("threads", "\(threads.count)")]
        let halves = (0..<2).map { half in stride(from: half, to: corpus.documents.count, by: 2).map { corpus[$0] } }
        let samples = (0..<runs).map { _ in
            corpus.megabytes
                / [(halves[0], halves[1]), (halves[1], halves[0])].reduce(0) { total, halves in
                    let (others, documents) = halves
                    tokenizer.forgetTexts()
                    _ = seconds(threads, others.count) { _ = tokenizer.countTokens(others[$0]) }
                    return total + seconds(threads, documents.count) { _ = tokenizer.countTokens(documents[$0]) }
                }
        }
        report.line("tokenizer encode", which, samples: samples, unit: "MB/s")
    }

    /// Decoding on one thread, and how long the tokens are.
    func decode(_ corpus: BenchCorpus) {
        let encoded = corpus.documents.map { tokenizer.encode($0) }
        let tokens = encoded.reduce(0) { $0 + $1.count }
        let which = [("corpus", corpus.name)]
        report.line("tokenizer length", which, value: Double(tokens) / (1e3 * corpus.megabytes), unit: "tokens/kB")
        let thread = ComputeThreads(count: 1)
        let samples = (0..<runs).map { _ in
            corpus.megabytes / seconds(thread, encoded.count) { _ = tokenizer.decode(encoded[$0]) }
        }
        report.line("tokenizer decode", which + [("threads", "1")], samples: samples, unit: "MB/s")
    }

    /// How long `body` takes for every number below `count`, divided among the threads.
    private func seconds(_ threads: ComputeThreads, _ count: Int, _ body: @Sendable (Int) -> Void) -> Double {
        let start = ContinuousClock.now
        threads.run { index in
            for document in stride(from: index, to: count, by: threads.count) { body(document) }
        }
        return (ContinuousClock.now - start) / .seconds(1)
    }
}

/// Documents to encode.
struct BenchCorpus: Sendable {
    /// The least length of a document in bytes, but for the last one.
    private static let documentSize = 4000

    let name: String
    let documents: [String]
    let megabytes: Double

    private init(name: String, documents: [String]) {
        self.name = name
        self.documents = documents
        megabytes = Double(documents.reduce(0) { $0 + $1.utf8.count }) / 1e6
    }

    subscript(index: Int) -> String { documents[index] }

    /// The text of a file; a document ends with the first line that makes it long enough.
    ///
    /// - Throws: status 66 if the file cannot be read, 65 if there is nothing in it.
    init(file path: String) throws {
        let bytes: [UInt8]
        do {
            bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
        } catch {
            throw CommandFailure(.inputNotFound, "\(path): cannot be read: \(error.localizedDescription)")
        }
        guard !bytes.isEmpty else { throw CommandFailure(.badData, "\(path): empty; give files of text") }
        var documents: [String] = []
        var start = 0
        while start < bytes.count {
            let least = min(start + Self.documentSize - 1, bytes.count)
            let end = bytes[least...].firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? bytes.count
            documents.append(String(decoding: bytes[start..<end], as: UTF8.self))
            start = end
        }
        self.init(name: URL(filePath: path).lastPathComponent, documents: documents)
    }

    /// Sentences of the vocabulary's own words, the same every time: those of low ids are frequent, as in text (by Zipf's
    /// law), and every eighth is two glued together, which the vocabulary mostly does not have.
    init(wordsOf tokenizer: Tokenizer) {
        let words = (0..<TokenID(tokenizer.vocabularySize)).map { tokenizer.decode([$0], skipSpecial: true) }.filter {
            $0.utf8.count > 2 && $0.first == " " && $0.dropFirst().allSatisfy(\.isLetter)
        }
        var state: UInt64 = 1
        func uniform() -> Double {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Double(state >> 11) / 0x1p53
        }
        func word() -> String {
            words.isEmpty ? " word" : words[Int(pow(Double(words.count), uniform())) - 1]
        }
        let documents = (0..<1000).map { _ in
            var text = ""
            while text.utf8.count < Self.documentSize {
                let length = 4 + Int(20 * uniform())
                for _ in 0..<length { text += uniform() < 0.125 ? word() + word().dropFirst() : word() }
                text += uniform() < 0.2 ? ".\n\n" : uniform() < 0.5 ? "," : "."
            }
            return text
        }
        self.init(name: "built-in", documents: documents)
    }
}
