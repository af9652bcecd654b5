using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Serialization;
using ClipTrain.Torch;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Tests.Reference;
using ClipTrain.Trainer.Training;
using static ClipTrain.Torch.torch;

namespace ClipTrain.Bench.OpenClip;

/// <summary>open_clip in Debian's Python, given the same weights and batch.</summary>
internal static class Peer
{
    private static readonly JsonSerializerOptions s_json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    /// <param name="reference">The case.</param>
    /// <param name="weights">Of the model that is compared.</param>
    /// <param name="batch">What both compute.</param>
    /// <param name="steps">Optimizer steps, 0 for features alone.</param>
    /// <returns>What it computed, by the names of <see cref="ReferenceOutputs"/>, and the versions of open_clip and PyTorch.</returns>
    public static (Dictionary<string, float[]> Outputs, string Versions) Run(ReferenceCase reference, FlatParameters weights, TrainingBatch batch, int steps)
    {
        var folder = Directory.CreateTempSubdirectory("cliptrain-open-clip-").FullName;
        try
        {
            var (model, inputs, outputs) = (Path.Combine(folder, "case.json"), Path.Combine(folder, "inputs.safetensors"), Path.Combine(folder, "outputs.safetensors"));
            File.WriteAllText(model, JsonSerializer.Serialize(new { reference.Model, reference.OpenClipName, reference.Training, Steps = steps }, s_json));
            WriteInputs(inputs, weights, batch);
            var versions = RunPython(model, inputs, outputs);
            return (ReadAll(outputs), versions);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void WriteInputs(string path, FlatParameters weights, TrainingBatch batch)
    {
        using var scope = NewDisposeScope();
        using var stream = File.Create(path);
        NamedTensor Named(string name, torch.Tensor tensor) => new(name, tensor.shape, tensor.DataPointer);
        SafetensorsWriter.Write(
            stream,
            [
                .. weights.Specs.Select(spec => Named(spec.Name, weights.View(weights.Master, spec.Name))),
                Named("batch.images", batch.Images_b3SS),
                Named("batch.tokens", batch.Tokens_bL.to(float32)),
            ],
            new Dictionary<string, string>(StringComparer.Ordinal));
    }

    private static Dictionary<string, float[]> ReadAll(string path)
    {
        using var file = new SafetensorsFile(path);
        return file.Shapes.ToDictionary(
            pair => pair.Key,
            pair =>
            {
                var values = new float[pair.Value.Aggregate(1L, (product, size) => product * size)];
                file.Read(pair.Key, values);
                return values;
            },
            StringComparer.Ordinal);
    }

    private static string RunPython(params string[] arguments)
    {
        var start = new ProcessStartInfo("/usr/bin/python3", [Path.Combine(AppContext.BaseDirectory, "open_clip_peer.py"), .. arguments]) { RedirectStandardOutput = true, UseShellExecute = false };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEnd().Trim();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException("open_clip failed. scripts/setup --peers installs PyTorch; PYTHONPATH must name open_clip's src folder.");
    }
}
