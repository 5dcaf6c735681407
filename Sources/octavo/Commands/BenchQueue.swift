import ArgumentParser
import Foundation
import OctavoLlama
import OctavoPostgres
import OctavoQueue

struct BenchQueue: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue", abstract: "Enqueueing, leasing and finishing without an engine, and exporting.",
        discussion: """
            Measures in a PostgreSQL of its own, with the settings of octavo database start, which is removed
            afterwards; with --database, in a database that it makes on that server. Nothing is faked: data comes from
            files, workers are processes, and commits wait for the disk.

            Examples:
              octavo bench queue
              octavo bench queue --group 256 --processes 4 --runs 5 --json
              octavo bench queue --model models/Llama-3.2-1B/tokenizer.json --group none
              octavo bench queue --rows none --group none --backlog 10k,10m
              octavo bench queue --rows none --group none --backlog 10k,1m --batches 1000
              octavo bench queue --rows none --group none --disturbed 400000
            """)
    @OptionGroup var logs: LogOptions
    @Option(help: "The URL of a server to measure on, as a role that may make databases.") var database: String?
    @Option(help: "A model whose tokenizer counts tokens in a second measurement of enqueueing.") var model: String?
    @Option(help: "Requests of each measurement, or none for no enqueueing and exporting.")
    var rows = CountList([200_000])
    @Option(help: "Sizes of leases, or none.") var group = NumberList([8, 32, 256])
    @Option(help: "Numbers of worker processes.") var processes = NumberList([1, 4])
    @Option(help: "Requests queued, small ones, while claims and questions are timed; or none.")
    var backlog = CountList([])
    @Option(help: "In how many batches these are.") var batches = 1
    @Option(help: "Requests worked off undisturbed, through a restart of the server and other faults; 0 leaves it out.")
    var disturbed = 0
    @Option(help: "Bytes of a prompt.") var promptBytes = 600
    @Option(help: "Bytes of an answer's body.") var completionBytes = 1200
    @Option(help: "How often each is measured.") var runs = 3
    @Flag(help: "Print one JSON object a line.") var json = false

    func validate() throws {
        guard (1...100).contains(runs) else { throw ValidationError("--runs must be between 1 and 100") }
        guard (1...100_000).contains(promptBytes), (200...1_000_000).contains(completionBytes) else {
            throw ValidationError("--prompt-bytes must be 1 to 100000, --completion-bytes 200 to 1000000")
        }
        guard (1...100_000).contains(batches), (0...100_000_000).contains(disturbed) else {
            throw ValidationError("--batches must be 1 to 100000, --disturbed 0 to 100000000")
        }
    }

    func run() async throws {
        let encoder = try model.map { try ModelTarget($0) }?.encoder
        let workload = QueueWorkload(promptBytes: promptBytes, completionBytes: completionBytes)
        let report = BenchReport(json: json)
        let logger = try logs.logger()
        try await SignalTrap.cancelling {
            try await BenchDatabase.with(on: database, logger: logger) { database in
                let bench = QueueBenchmark(database, workload: workload, runs: runs, report: report, logger: logger)
                report.header(
                    threads: ComputeThreads.availableProcessors, kernels: nil, model: try await bench.serverVersion())
                for count in rows.numbers {
                    try await bench.load(rows: count)
                    try await bench.enqueue(rows: count, encoder: encoder)
                }
                for size in group.numbers {
                    for count in processes.numbers {
                        // Enough groups for a second or more.
                        let requests = min(rows.numbers.first ?? 200_000, 2000 * size)
                        try await bench.finish(rows: requests, group: size, processes: count)
                    }
                }
                for count in rows.numbers { try await bench.export(rows: count) }
                for count in backlog.numbers { try await bench.scale(rows: count, batches: min(batches, count)) }
                if disturbed > 0 { try await bench.retain(rows: disturbed, group: 32, processes: 4) }
            }
        }
    }
}

/// Numbers such as `10k,10m`, or none.
struct CountList: ExpressibleByArgument {
    var numbers: [Int]

    init(_ numbers: [Int]) { self.numbers = numbers }

    init?(argument: String) {
        numbers = []
        guard argument != "none" else { return }
        for part in argument.lowercased().split(separator: ",", omittingEmptySubsequences: false) {
            let unit = part.hasSuffix("k") ? 1000 : part.hasSuffix("m") ? 1_000_000 : 1
            guard let number = Int(unit == 1 ? part : part.dropLast()), (1...1_000_000_000 / unit).contains(number)
            else { return nil }
            numbers.append(number * unit)
        }
    }

    var defaultValueDescription: String { numbers.isEmpty ? "none" : numbers.map(String.init).joined(separator: ",") }
}

/// A process that `bench queue` starts.
struct BenchQueueClient: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "queue-client", shouldDisplay: false)
    @OptionGroup var logs: LogOptions
    @Option var database: String
    @Option var group: Int
    @Option var claims: Int
    @Option var completionBytes: Int

    func run() async throws {
        let logger = try logs.logger()
        let connections = (0..<2).map { _ in
            PostgresConnection(PostgresConfiguration(connectionString: database), logger: logger)
        }
        for connection in connections {
            try await connection.run { session in
                try session.query("SELECT pg_advisory_lock_shared(\(QueueClient.barrier))")
                try session.query("SELECT pg_advisory_unlock_shared(\(QueueClient.barrier))")
            }
        }
        let client = QueueClient(
            claiming: Queue(connections[0], waitsForServer: true), writing: Queue(connections[1], waitsForServer: true),
            group: group, completion: QueueWorkload(completionBytes: completionBytes).completion, claims: claims)
        let tally = try await client.run()
        Console.result(String(decoding: try JSONEncoder().encode(tally), as: UTF8.self))
        for connection in connections { await connection.close() }
    }
}
