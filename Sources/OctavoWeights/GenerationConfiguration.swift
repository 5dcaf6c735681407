internal import Foundation
public import OctavoCore

/// The defaults of sampling that come with a Hugging Face checkpoint.
public enum GenerationConfiguration {
    /// The name of the file.
    static let fileName = "generation_config.json"

    /// What `generation_config.json` says, for the parameters that it gives; OpenAI's defaults for the others, and for all
    /// if there is no such file.
    ///
    /// `do_sample: false` is a temperature of 0, as it is to transformers. `max_new_tokens` is a default, not a limit.
    ///
    /// - Parameter path: the model: a folder, or a file, which has none.
    /// - Throws: `WeightsError` naming the key whose value is of a wrong type or out of range.
    public static func samplingDefaults(ofModel path: String) throws(WeightsError) -> SamplingParameters {
        let filePath = "\(path)/\(fileName)"
        guard FileManager.default.fileExists(atPath: filePath) else { return SamplingParameters() }
        return try ConfigurationFile(MappedFile(path: filePath)).samplingDefaults()
    }
}

extension ConfigurationFile {
    fileprivate func samplingDefaults() throws(WeightsError) -> SamplingParameters {
        var sampling = SamplingParameters()
        if let value = try number("temperature", in: 0...100) { sampling.temperature = value }
        if let value = try number("top_p", in: 0...1) { sampling.topP = value }
        if let value = try integer("top_k", in: -1...Int(Int32.max)) { sampling.topK = max(value, 0) }
        if let value = try number("min_p", in: 0...1) { sampling.minP = value }
        if let value = try number("repetition_penalty", in: 0.01...100) { sampling.repetitionPenalty = value }
        sampling.defaultMaxTokens = try integer("max_new_tokens", in: 1...Int(Int32.max))
        if value("do_sample") != nil, try !flag("do_sample") { sampling.temperature = 0 }
        return sampling
    }

    private func number(_ key: String, in range: ClosedRange<Double>) throws(WeightsError) -> Float? {
        guard value(key) != nil else { return nil }
        let number = try number(key)
        guard range.contains(number) else {
            throw failure(key, "expected a number in \(range.lowerBound)...\(range.upperBound), found \(number)")
        }
        return Float(number)
    }

    private func integer(_ key: String, in range: ClosedRange<Int>) throws(WeightsError) -> Int? {
        guard let value = value(key) else { return nil }
        guard let integer = value.integerValue, range.contains(integer) else {
            throw failure(key, "expected a whole number in \(range), found \(value.jsonText)")
        }
        return integer
    }
}
