using ClipTrain.DataPipeline.Import;
using ClipTrain.DataPipeline.Selection;
using ClipTrain.DataPipeline.Tests.Corpus;

namespace ClipTrain.DataPipeline.Tests.Import;

/// <summary>Runs imports into a test folder and reads their output.</summary>
internal static class Imported
{
    public static ImportState Run(
        ImportSource source,
        string output,
        int shardRows = 10_000,
        ImageVerification verify = ImageVerification.Header,
        bool allowNoCaption = false,
        long maxFailures = long.MaxValue,
        IProgress<ImportProgress>? progress = null
    ) =>
        new CorpusImport(
            source,
            Options(output, shardRows) with
            {
                Verify = verify,
                AllowNoCaption = allowNoCaption,
                MaxFailures = maxFailures,
            }
        ).Run(progress);

    public static ImportOptions Options(string output, int shardRows) => new() { OutputDirectory = output, ShardRows = shardRows };

    /// <summary>The values of columns or expressions, row by row, in corpus order.</summary>
    public static List<string?[]> Rows(string output, params string[] columns) =>
        [
            .. Directory
                .GetFiles(output, "*.parquet")
                .Order(StringComparer.Ordinal)
                .SelectMany(file => TestCorpus.Query($"SELECT {string.Join(", ", columns)} FROM {Sql.ReadParquet(file)}", columns.Length)),
        ];

    public static List<string?> Column(string output, string column) => [.. Rows(output, column).Select(r => r[0])];

    /// <summary>All files except the state, which names its inputs.</summary>
    public static Dictionary<string, string> Bytes(string output) =>
        Directory
            .GetFiles(output)
            .Where(f => Path.GetFileName(f) != ImportState.FileName)
            .ToDictionary(
                f => Path.GetFileName(f),
                f => Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(f))),
                StringComparer.Ordinal
            );
}
