using System.Data.Common;
using Npgsql;

namespace ClipTrain.Coordinator.Clustering;

/// <summary>The tables and queries that Orleans' provider expects in PostgreSQL, in a schema that all runs share.</summary>
internal static class PostgresSchema
{
    /// <summary>Name of Npgsql for Orleans' provider.</summary>
    public const string Invariant = "Npgsql";

    private const string Name = "cliptrain";
    private const string Script = "ClipTrain.Coordinator.Clustering.PostgresSchema.sql";

    /// <summary>The connection string with the schema first in the search path, and with timeouts suited to a membership table.</summary>
    /// <exception cref="ArgumentException">Npgsql cannot read it.</exception>
    public static string ConnectionString(string given)
    {
        DbProviderFactories.RegisterFactory(Invariant, NpgsqlFactory.Instance);
        var builder = new NpgsqlConnectionStringBuilder(given) { SearchPath = Name };
        SetUnlessGiven(builder, "Timeout", 5);
        SetUnlessGiven(builder, "Command Timeout", 10);
        SetUnlessGiven(builder, "Maximum Pool Size", 4);
        return builder.ConnectionString;
    }

    /// <summary>Creates the schema if it is missing. Processes that start at the same time wait for each other.</summary>
    /// <exception cref="NpgsqlException">The server is not available, or the user may not create the schema.</exception>
    public static async Task EnsureAsync(string connectionString)
    {
        await using var source = NpgsqlDataSource.Create(connectionString);
        await using var command = source.CreateCommand(await ReadScriptAsync());
        await command.ExecuteNonQueryAsync();
    }

    private static async Task<string> ReadScriptAsync()
    {
        using var reader = new StreamReader(typeof(PostgresSchema).Assembly.GetManifestResourceStream(Script)!);
        return await reader.ReadToEndAsync();
    }

    private static void SetUnlessGiven(NpgsqlConnectionStringBuilder builder, string key, int value)
    {
        if (!builder.ContainsKey(key))
        {
            builder[key] = value;
        }
    }
}
