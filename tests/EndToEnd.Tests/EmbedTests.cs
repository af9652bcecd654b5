using System.Globalization;
using System.Text.Json;
using ClipTrain.Cli.Evaluation;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Interop;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Runs;
using ClipTrain.Weights.Safetensors;
using DuckDB.NET.Data;
using TorchSharp;

namespace ClipTrain.EndToEnd.Tests;

public sealed class EmbedTests(EmbedTests.TrainedRun trained) : IClassFixture<EmbedTests.TrainedRun>
{
    private const int Rows = 100,
        Dimensions = 16;
    private static readonly int[] Broken = [5, 40, 41];

    private readonly TinyCorpus _corpus = trained.Corpus;

    [Fact]
    public void Embeddings_match_evaluation_in_corpus_order_and_bad_samples_are_named()
    {
        Embed("out");

        var rows = Read("out");
        Assert.Equal(Usable().ToArray(), rows.Select(row => (row.File, row.Row)).ToArray());
        foreach (var (expected, row) in Evaluated().Zip(rows))
        {
            AssertNear(expected.Image, row.Image);
            AssertNear(expected.Text, row.Text);
            Assert.Equal(1, row.Image.Sum(value => (double)value * value), 1e-5);
        }

        using var report = JsonDocument.Parse(File.ReadAllText(_corpus.PathOf("out", "report.json")));
        Assert.True(report.RootElement.GetProperty("complete").GetBoolean());
        Assert.Equal(96, report.RootElement.GetProperty("embedded").GetInt64());
        Assert.Equal(4, report.RootElement.GetProperty("bad_samples").GetInt64());
        Assert.Equal(
            "a.parquet:5 a.parquet:40 a.parquet:41 b/a.parquet:0",
            string.Join(
                ' ',
                report
                    .RootElement.GetProperty("first_bad")
                    .EnumerateArray()
                    .Select(bad => $"{bad.GetProperty("file").GetString()}:{bad.GetProperty("row").GetInt64()}")
            )
        );
    }

    [Fact]
    public void Any_number_of_workers_and_of_scheduled_shards_write_the_same_bytes()
    {
        Embed("alone", "--threads", "1");
        Embed("three", "--threads", "1", "--workers", "3");
        foreach (var shard in new[] { 1, 0 })
        {
            Embed("scheduled", "--threads", "1", "--shard", $"{shard}/2");
        }

        AssertSameFiles("alone", "three");
        AssertSameFiles("alone", "scheduled");
        Assert.Equal(6, Directory.GetFiles(_corpus.PathOf("alone"), "*.parquet").Length);
    }

    [Fact]
    public async Task Killed_work_resumes_and_produces_the_bytes_of_uninterrupted_work()
    {
        Embed("other");
        using (var run = ProgramRun.Start(_corpus.Folder, Arguments("broken", "--batch", "1")))
        {
            while (!Directory.Exists(_corpus.PathOf("broken")) || Directory.GetFiles(_corpus.PathOf("broken"), "*.parquet").Length == 0)
            {
                await Task.Yield();
            }

            run.Kill();
        }

        // Finished parts are not embedded again, and unfinished ones are deleted.
        var finished = Directory
            .GetFiles(_corpus.PathOf("broken"), "*.parquet")
            .Select(file => (file, File.GetLastWriteTimeUtc(file)))
            .ToArray();
        Assert.InRange(finished.Length, 1, 5);
        File.WriteAllText(_corpus.PathOf("broken", "part-000005.parquet.0.tmp"), "cut off");
        Embed("broken", "--batch", "1");
        Embed("whole", "--batch", "1");
        AssertSameFiles("whole", "broken");
        Assert.All(finished, file => Assert.Equal(file.Item2, File.GetLastWriteTimeUtc(file.file)));

        // A different batch size changes only the rounding.
        foreach (var (a, b) in Read("whole").Zip(Read("other")))
        {
            AssertNear(a.Image, b.Image);
        }
    }

    [Fact]
    public void Images_or_captions_can_be_embedded_separately()
    {
        Embed("images", "--what", "images");
        Embed("texts", "--what", "texts");
        Assert.Equal(Rows - Broken.Length, Read("images", text: false).Count);
        Assert.Equal(Rows - 1, Read("texts", image: false).Count);
    }

    [Fact]
    public void Bf16_is_close_to_fp32()
    {
        Embed("fp32");
        Embed("bf16", "--precision", "bf16");
        foreach (var (a, b) in Read("fp32").Zip(Read("bf16")))
        {
            Assert.InRange(a.Image.Zip(b.Image, (x, y) => (double)x * y).Sum(), 0.999, 1.001);
        }
    }

    [Fact]
    public void A_folder_of_different_embeddings_is_rejected()
    {
        Embed("begun");
        Refuses("precision fp32, and it is now bf16", Arguments("begun", "--precision", "bf16"));
        Refuses("model", ["embed", "runs/tiny/checkpoints/step-00000005", "corpus", "corpus/b", "-o", "begun", "--part-size", "16"]);
        Refuses("corpus", ["embed", "runs/tiny", "train.parquet", "-o", "begun", "--part-size", "16"]);
        Refuses("is not a model", ["embed", "corpus", "corpus", "-o", "none"]);
        Refuses("is in the way", ["embed", "runs/tiny", "corpus", "-o", "corpus"]);
        Refuses("--shard is 2/2", Arguments("none", "--shard", "2/2"));

        void Refuses(string message, string[] arguments)
        {
            var (exit, output) = ProgramRun.Finish(_corpus.Folder, arguments);
            Assert.True(exit == 2, output);
            Assert.Contains(message, output, StringComparison.Ordinal);
        }
    }

    private static string[] Arguments(string output, params string[] more) =>
        ["embed", "tiny", "corpus", "corpus/b", "-o", output, "--part-size", "16", .. more];

    private static IEnumerable<(string File, long Row)> Usable() =>
        Enumerable
            .Range(0, Rows)
            .Where(i => !Broken.Contains(i) && i != 60)
            .Select(i => i < 60 ? ("a.parquet", (long)i) : ("b/a.parquet", i - 60L));

    private static void AssertNear(float[] expected, float[] actual)
    {
        Assert.Equal(Dimensions, actual.Length);
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
    }

    private void Embed(string output, params string[] more)
    {
        var (exit, text) = ProgramRun.Finish(_corpus.Folder, Arguments(output, more));
        Assert.True(exit == 0, text);
    }

    /// <summary>Embeddings by evaluation's functions, in batches of a different size.</summary>
    private List<(float[] Image, float[] Text)> Evaluated()
    {
        using var guard = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var files = new RunFiles(_corpus.PathOf("runs", "tiny"));
        var options = RunConfig.Load(files.Config, []).Options;
        // The run's vocabulary path is relative to its folder.
        var run = options with
        {
            Data = options.Data with { Merges = _corpus.PathOf("merges.txt") },
        };
        using var model = new ClipModel(run.Model, Precision.Fp32, seed: null);
        var checkpoints = new CheckpointDirectory(files.Checkpoints);
        using (var weights = new SafetensorsFile(Path.Combine(checkpoints.PathOf(checkpoints.Steps()[^1]), CheckpointDirectory.ModelFile)))
        {
            ModelWeights.LoadInto(model.Parameters, weights);
        }

        using var loader = new SequentialLoader(
            CorpusManifest.Create([_corpus.PathOf("corpus"), _corpus.PathOf("corpus", "b")]),
            () => new ClipImageTransform(RunPlan.Images(run).Evaluation),
            new SequentialLoaderOptions { Batch = 7 }
        );
        var embeddings = new List<(float[], float[])>();
        foreach (var batch in loader.Read())
        {
            using (batch)
            {
                var images = model
                    .EncodeImage(RunPlan.Images(run).Wrap(batch.Images, batch.Count))
                    .AsSpan<float>()
                    .ToArray()
                    .Chunk(Dimensions);
                var texts = TextEmbedding
                    .Of(model, RunPlan.Tokenizer(run), batch.Captions.Select(caption => caption!), 5)
                    .AsSpan<float>()
                    .ToArray()
                    .Chunk(Dimensions);
                embeddings.AddRange(images.Zip(texts));
            }
        }

        return embeddings;
    }

    private List<(string File, long Row, float[] Image, float[] Text)> Read(string folder, bool image = true, bool text = true)
    {
        using var connection = new DuckDBConnection("DataSource=:memory:");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText =
            $"SELECT file, \"row\", {Column(image, "image_embedding")}, {Column(text, "text_embedding")} FROM "
            + $"read_parquet('{_corpus.PathOf(folder)}/*.parquet', filename = true, file_row_number = true) ORDER BY filename, "
            + "file_row_number";
        using var result = command.ExecuteReader();
        var rows = new List<(string, long, float[], float[])>();
        while (result.Read())
        {
            rows.Add(
                (
                    result.GetString(0),
                    result.GetInt64(1),
                    Parse(result.IsDBNull(2) ? null : result.GetString(2)),
                    Parse(result.IsDBNull(3) ? null : result.GetString(3))
                )
            );
        }

        return rows;

        static string Column(bool there, string name) => there ? $"array_to_string({name}, ' ')" : "NULL::VARCHAR";
        static float[] Parse(string? numbers) =>
            numbers is null ? [] : [.. numbers.Split(' ').Select(number => float.Parse(number, CultureInfo.InvariantCulture))];
    }

    private void AssertSameFiles(string expected, string actual)
    {
        string[] Names(string folder) =>
            [.. Directory.GetFiles(_corpus.PathOf(folder)).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];
        Assert.Equal(Names(expected), Names(actual));
        foreach (var name in Names(expected))
        {
            Assert.Equal(File.ReadAllBytes(_corpus.PathOf(expected, name)), File.ReadAllBytes(_corpus.PathOf(actual, name)));
        }
    }

    /// <summary>A run, and a corpus of two files of the same name with some unusable samples.</summary>
    public sealed class TrainedRun : IDisposable
    {
        public TrainedRun()
        {
            var (exit, output) = ProgramRun.Finish(
                Corpus.Folder,
                "train",
                Corpus.RunFile,
                "--set",
                "evaluation={}",
                "--set",
                "cluster.workers=1"
            );
            Assert.True(exit == 0, output);
            Directory.CreateDirectory(Corpus.PathOf("corpus", "b"));
            Corpus.Write(
                Path.Combine("corpus", "a.parquet"),
                60,
                i => Broken.Contains(i) ? [1, 2, 3] : TinyCorpus.Picture(i),
                TinyCorpus.Caption
            );
            Corpus.Write(
                Path.Combine("corpus", "b", "a.parquet"),
                40,
                i => TinyCorpus.Picture(60 + i),
                i => i == 0 ? null : TinyCorpus.Caption(60 + i)
            );
        }

        internal TinyCorpus Corpus { get; } = new();

        public void Dispose() => Corpus.Dispose();
    }
}
