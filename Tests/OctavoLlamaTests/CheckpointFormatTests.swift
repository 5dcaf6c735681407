import Foundation
import OctavoEngine
import OctavoLlama
import OctavoTestSupport
import OctavoWeights
import Testing

@Suite struct CheckpointFormatTests {
    @Test func `a model in Meta's format gives the same logits however it is divided among files`() throws {
        let model = TinyModel(name: "tiny-untied")
        let folder = model.folder.appending(path: "meta")
        let file = try TorchFile(path: folder.appending(path: "consolidated.00.pth").path())
        let builder = TorchFileBuilder(
            try file.names.map { name in
                let tensor = try file.tensor(name)
                return .init(name, tensor.shape, bfloat16: tensor.readFloats())
            })
        let params = [UInt8](try Data(contentsOf: folder.appending(path: "params.json")))
        let prompt = try #require(try model.prompts().last)
        let whole = try TinyModel.runner(folder.path()).allLogits(prompt)
        for (count, byColumns) in [(2, false), (2, true), (8, false), (8, true)] {
            var contents = ["params.json": params]
            for (index, part) in builder.divided(among: count, embeddingByColumns: byColumns).enumerated() {
                contents["consolidated.0\(index).pth"] = part.bytes
            }
            let checkpoint = try Checkpoint.open(path: "meta", contents: contents)
            let logits = try TinyModel.runner(checkpoint).allLogits(prompt)
            #expect(logits == whole, "\(count) files, embedding by columns: \(byColumns)")
        }
    }

    @Test(arguments: ["torchao-bin", "torchao-safetensors", "compressed-tensors", "fmo", "fmo-0.1"])
    func `stored INT8 reaches the panels untouched`(format: String) throws {
        let checkpoint = try Checkpoint.open(TinyModel(name: "tiny-untied").folder.appending(path: format).path())
        let threads = ComputeThreads(count: 2)
        var least = Int8.max
        for role in TensorRole.stored(in: checkpoint.configuration)
        where role.shape(in: checkpoint.configuration).count == 2 {
            let matrix = try checkpoint.matrix(role)
            guard let scales = matrix.channelScales else { continue }
            var stored = [Int8](repeating: 0, count: matrix.rows * matrix.columns)
            stored.withUnsafeMutableBufferPointer { matrix.readInt8(rows: 0..<matrix.rows, into: $0) }
            least = min(least, stored.min() ?? 0)
            let packed = QuantizedMatrix(stacking: [matrix], threads: threads)
            for row in 0..<matrix.rows {
                #expect(packed.scales.base[row] == scales[row])
                let values = (0..<matrix.columns).map { packed.weight(row, $0) }
                #expect(values == Array(stored[row * matrix.columns..<(row + 1) * matrix.columns]))
            }
        }
        // Only TorchAO and compressed-tensors use the whole range.
        #expect(least == (format.hasPrefix("fmo") ? -127 : -128))
    }
}

extension QuantizedMatrix {
    /// A weight, found in the panels as their layout `[panelCount][depth / 4][16][4]` tells.
    fileprivate func weight(_ channel: Int, _ index: Int) -> Int8 {
        let (panel, lane) = channel.quotientAndRemainder(dividingBy: 16)
        let (group, place) = index.quotientAndRemainder(dividingBy: 4)
        let byte = panels.base[panel * 16 * depth + group * 64 + lane * 4 + place]
        return Int8(truncatingIfNeeded: Int(byte) - 128)
    }
}
