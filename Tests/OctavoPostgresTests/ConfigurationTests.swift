import OctavoPostgres
import OctavoTestSupport
import Testing

@Suite struct ConfigurationTests {
    @Test(arguments: [
        "postgresql://ada:s3cret@db.example:6432/work?sslmode=require",
        "host=db.example port=6432 user=ada password='s3 cret' dbname=work sslpassword=s3cret",
    ])
    func `a described connection shows no password`(connectionString: String) {
        let description = PostgresConfiguration(connectionString: connectionString).redactedDescription
        #expect(description.contains("user=ada"))
        #expect(description.contains("host=db.example"))
        #expect(description.contains("port=6432"))
        #expect(description.contains("dbname=work"))
        #expect(!description.contains("s3"))
    }

    @Test(arguments: [
        "postgresql://ada:s3cret@[::1/work", "ada:s3cret@db.example", "postgresql://ada:s3%zzcret@db/work",
        "host=db password=s3 cret", "postgresql://ada:s3cret@db/work?nonsense=s3cret",
    ])
    func `an unreadable connection string is an error that quotes none of it`(connectionString: String) async {
        let configuration = PostgresConfiguration(connectionString: connectionString)
        let error = await postgresError { try PostgresSession(configuration) }
        #expect(error?.kind == .configuration)
        #expect(error?.isTransient == false)
        #expect(error?.description.contains("cret") == false)
        #expect(error?.hint?.contains("postgresql://USER@HOST") == true)
        #expect(configuration.redactedDescription == "(unreadable)")
    }

    @Test func `a missing database is an error with its SQLSTATE, and not transient`() async throws {
        try await TestDatabase.withDatabase { url in
            let other = url.replacing(#/@/\w+\?/#, with: "@/nowhere?")
            let error = await postgresError { try PostgresSession(PostgresConfiguration(connectionString: other)) }
            #expect(error?.kind == .connection)
            #expect(error?.sqlState == SQLState.invalidCatalogName)
            #expect(error?.message.hasSuffix("FATAL: database \"nowhere\" does not exist") == true)
            #expect(error?.isTransient == false)
        }
    }

    @Test func `nobody listening is a transient error that names the place`() async throws {
        let configuration = PostgresConfiguration(connectionString: "host=127.0.0.1 port=1 dbname=x user=y")
        let error = await postgresError { try PostgresSession(configuration) }
        #expect(error?.kind == .connection)
        #expect(error?.message.contains("127.0.0.1") == true)
        #expect(error?.isTransient == true)
    }
}
