import Foundation
import OctavoTestSupport
import Testing

extension CommandLineTests {
    /// Downloads that broke off.
    @Suite struct DamagedModelTests {
        @Test(arguments: [
            ("tiny-untied/hf", "model.safetensors"), ("tiny-untied/torchao-bin", "pytorch_model.bin"),
            ("tiny-untied/meta", "consolidated.00.pth"), ("tiny-untied/hf", "config.json"),
            ("tiny-untied/gguf", "model-q8_0.gguf"),
        ])
        func `a model file that is cut short is one line that says to fetch it again`(
            model: String, file: String
        ) async throws {
            try await Workbench.withoutDatabase { bench in
                let original = TestPaths.fixtures.appending(path: "Models/\(model)")
                try FileManager.default.copyItem(atPath: original.path, toPath: bench.path("model"))
                let path = bench.path("model/\(file)")
                let whole = try Data(contentsOf: original.appending(path: file))
                for count in [0, 6, 700, whole.count / 2, whole.count - 2] where count < whole.count - 1 {
                    try whole.prefix(count).write(to: URL(filePath: path))
                    let outcome = try await bench.octavo(
                        "model", "inspect", file.hasSuffix(".gguf") ? path : bench.path("model"))
                    let lines = outcome.standardError.split(separator: "\n")
                    #expect(outcome.status == 65 && outcome.standardOutput.isEmpty, "\(count) bytes")
                    #expect(lines.count == 1 && lines[0].hasPrefix("octavo: \(path): "), "\(count) bytes: \(lines)")
                    #expect(lines.last?.contains("fetch it again") == true, "\(count) bytes: \(lines)")
                }
            }
        }

        @Test(arguments: ["model.safetensors", "pytorch_model.bin"])
        func `a pointer of Git LFS is told from a damaged file`(file: String) async throws {
            try await Workbench.withoutDatabase { bench in
                let original = TestPaths.fixtures.appending(path: "Models/tiny-untied/hf")
                try FileManager.default.copyItem(atPath: original.path, toPath: bench.path("model"))
                try FileManager.default.removeItem(atPath: bench.path("model/model.safetensors"))
                try bench.write(
                    "model/\(file)", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 134515008\n")
                let outcome = try await bench.octavo("model", "inspect", bench.path("model"))
                #expect(outcome.status == 65)
                #expect(outcome.standardError.contains("\(file): is a pointer of Git LFS"), "\(outcome.standardError)")
            }
        }
    }
}
