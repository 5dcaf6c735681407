public import ArgumentParser
public import OctavoFiles

extension ExportOptions.Order: ExpressibleByArgument {}
extension ExportOptions.Format: ExpressibleByArgument {}

/// Where results go and how they look.
struct ExportArguments: ParsableArguments {
    @Option(name: [.customShort("o"), .long], help: "The file for results (default: stdout).")
    var output: String?

    @Option(help: "The file for failures (default: beside the output, as NAME.errors.jsonl, if there are any).")
    var errors: String?

    @Option(help: "The order of the lines: \(ExportOptions.Order.allCases.map(\.rawValue).joined(separator: " or ")).")
    var order = ExportOptions.Order.input

    @Option(help: "The form of the lines: \(ExportOptions.Format.allCases.map(\.rawValue).joined(separator: ", ")).")
    var format = ExportOptions.Format.openai

    func options(batch: Int64) throws -> ExportOptions {
        var options = ExportOptions(batch: batch, output: output)
        options.errors = errors
        options.order = order
        options.format = format
        // The convention of reproducible builds: one fixed time makes equal results equal files.
        options.fixedTime = try Environment.value("SOURCE_DATE_EPOCH")
        return options
    }
}
