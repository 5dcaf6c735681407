import ArgumentParser
import OctavoWeights

/// The shape of a published model, with fewer blocks if its name is followed by a number: `llama-3-8b:4`.
struct BenchShape: ExpressibleByArgument {
    /// As given.
    let name: String
    /// The sizes.
    let configuration: ModelConfiguration

    static let names = ModelShape.allCases.map(\.rawValue).joined(separator: " or ")

    init(_ shape: ModelShape) {
        name = shape.rawValue
        configuration = shape.configuration
    }

    init?(argument: String) {
        let parts = argument.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let shape = ModelShape(rawValue: String(parts[0])) else { return nil }
        var configuration = shape.configuration
        if parts.count == 2 {
            guard let layers = Int(parts[1]), (1...configuration.layerCount).contains(layers) else { return nil }
            configuration.layerCount = layers
        }
        name = argument
        self.configuration = configuration
    }
}

/// Numbers with commas between them, or none: `128,512`.
struct NumberList: ExpressibleByArgument {
    var numbers: [Int]

    init(_ numbers: [Int]) { self.numbers = numbers }

    init?(argument: String) {
        numbers = []
        guard argument != "none" else { return }
        for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
            guard let number = Int(part), (1...1_000_000).contains(number) else { return nil }
            numbers.append(number)
        }
    }

    var defaultValueDescription: String { numbers.map(String.init).joined(separator: ",") }
}
