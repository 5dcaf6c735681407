import Foundation
import OctavoCore

/// Tokens sampled by every process that wrote to a worker's trace (`--trace`), or by one of them.
public func sampledTokens(inTrace path: String, of process: Int32? = nil) -> Int {
    guard let data = FileManager.default.contents(atPath: path) else { return 0 }
    var sum = 0
    // The last line may be half written.
    for line in data.split(separator: UInt8(ascii: "\n")) {
        guard let step = try? JSONValue.parse(Array(line)) else { continue }
        if let process, step["pid"]?.integerValue != Int(process) { continue }
        sum += step["sampled_tokens"]?.integerValue ?? 0
    }
    return sum
}
