using System.Text.Json;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Images;

namespace ClipTrain.EndToEnd.Tests;

/// <summary>Folder with a small corpus of coloured squares, a run file and a vocabulary: enough to run the program.</summary>
internal sealed class TinyCorpus : IDisposable
{
    public const int Rows = 96;
    private static readonly string[] Colours = ["red", "green", "blue", "white", "black", "grey"];

    public TinyCorpus()
    {
        Folder = Directory.CreateTempSubdirectory("cliptrain-e2e-").FullName;
        Write("train.parquet", Rows, i => Picture(i), i => Caption(i));
        File.WriteAllLines(Path.Combine(Folder, "merges.txt"), ["#version: 0.2", "r e", "e d</w>", "b l", "g r", "w h"]);
        File.WriteAllText(
            Path.Combine(Folder, "run.yaml"),
            $$"""
            name: tiny
            seed: 3
            model:
              embed_dim: 16
              image: { size: 16, patch: 8, width: 16, layers: 2, heads: 2 }
              text: { context: 12, vocabulary: 519, width: 16, layers: 2, heads: 2 }
            data: { train: [train.parquet], merges: merges.txt, shuffle_window: 2 }
            training: { global_batch: 10, steps: 12, warmup_steps: 2, learning_rate: 0.002, gradient_clip: 1 }
            cluster: { workers: 2, threads_per_worker: 1 }
            checkpoint: { every_steps: 5, keep: 10 }
            output: { page: false }
            evaluation:
              retrieval: [{ name: seen, data: [train.parquet] }]
              zero_shot: [{ name: colours, data: [train.parquet], label_column: label, templates: ["a {} square", "{}"] }]
            """
        );
    }

    public string Folder { get; }

    public string RunFile => "run.yaml";

    public static byte[] Picture(int i)
    {
        var random = new Random(i);
        using var pixels = new PixelBuffer();
        pixels.Resize(24 + (i % 5), 20 + (i % 3));
        unsafe
        {
            for (var p = 0; p < pixels.Stride * pixels.Height; p++)
            {
                pixels.Pixels[p] = (byte)((i * 37 % 200) + random.Next(40));
            }
        }

        return JpegEncoder.Encode(pixels, 90);
    }

    public static string Caption(int i) => $"a {Colours[i % Colours.Length]} square number {i / Colours.Length}";

    /// <summary>Writes a Parquet file with generated rows.</summary>
    public void Write(string file, int rows, Func<int, byte[]> picture, Func<int, string?> caption)
    {
        using var writer = new CorpusWriter(Path.Combine(Folder, file), rowGroupRows: 16, extraColumns: ["label"]);
        for (var i = 0; i < rows; i++)
        {
            writer.Add(picture(i), caption(i), [Colours[i % Colours.Length]]);
        }

        writer.Complete();
    }

    public string PathOf(params string[] parts) => Path.Combine([Folder, .. parts]);

    public byte[] Model(string run, int step) =>
        File.ReadAllBytes(PathOf("runs", run, "checkpoints", $"step-{step:D8}", "model.safetensors"));

    /// <summary>Losses of a run's steps.</summary>
    public double[] Losses(string run) =>
        [
            .. File.ReadLines(PathOf("runs", run, "metrics.jsonl"))
                .Select(line =>
                {
                    using var json = JsonDocument.Parse(line);
                    return json.RootElement.GetProperty("loss").GetDouble();
                }),
        ];

    public byte[] Optimizer(string run, int step) =>
        File.ReadAllBytes(PathOf("runs", run, "checkpoints", $"step-{step:D8}", "optimizer.safetensors"));

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
