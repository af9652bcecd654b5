using ClipTrain.DataPipeline.Corpus.DuckDb;

namespace ClipTrain.DataPipeline.Tests.Corpus;

/// <summary>A folder for one test's files, deleted after it.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("cliptrain-corpus-").FullName;

    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Writes the rows of a query with DuckDB's own Parquet writer.</summary>
    public string Copy(string name, string select, string options = "")
    {
        using var database = new Database();
        using var connection = database.Connect();
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(File(name))!);
        connection.Execute($"copy ({select}) to {Sql.Literal(File(name))} (format parquet{options})");
        return File(name);
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
