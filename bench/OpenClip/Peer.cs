using System.Text.Json;
using System.Text.Json.Serialization;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Parameters;
using ClipTrain.Trainer.Tests.Reference;
using ClipTrain.Weights.Safetensors;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Bench.OpenClip;

/// <summary>open_clip in Debian's Python. It gets a case with the same weights and batch in a temporary folder.</summary>
internal sealed class Peer : IDisposable
{
    private static readonly JsonSerializerOptions s_json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    private readonly string _folder = Directory.CreateTempSubdirectory("cliptrain-open-clip-").FullName;

    /// <param name="reference">The case.</param>
    /// <param name="weights">Weights of the model to compare.</param>
    /// <param name="batch">Input of both.</param>
    /// <param name="steps">Number of optimizer steps; 0 for features only.</param>
    public Peer(ReferenceCase reference, FlatParameters weights, TrainingBatch batch, int steps)
    {
        File.WriteAllText(
            PathOf("case.json"),
            JsonSerializer.Serialize(
                new
                {
                    reference.Model,
                    reference.OpenClipName,
                    reference.Training,
                    Steps = steps,
                },
                s_json
            )
        );
        using var scope = NewDisposeScope();
        Write(Weights, weights.Specs.Select(spec => (spec.Name, weights.View(weights.Master, spec.Name))));
        Write(PathOf("batch.safetensors"), [("images", batch.Images_b3SS), ("tokens", batch.Tokens_bL.to(float32))]);
    }

    /// <summary>File with the weights under our names.</summary>
    public string Weights => PathOf("weights.safetensors");

    /// <summary>Versions of open_clip and PyTorch, once it has run.</summary>
    public string Versions { get; private set; } = "";

    /// <summary>Path of a file or folder of this comparison.</summary>
    public string PathOf(string name) => Path.Combine(_folder, name);

    /// <summary>Its outputs, with the names of <see cref="ReferenceOutputs"/>.</summary>
    public Dictionary<string, float[]> Compare()
    {
        Run("compare", PathOf("case.json"), Weights, PathOf("batch.safetensors"), PathOf("outputs.safetensors"));
        return ReadAll(PathOf("outputs.safetensors"));
    }

    /// <summary>Lets open_clip save the model as a folder.</summary>
    public void Save(string folder)
    {
        Directory.CreateDirectory(folder);
        Run("save", PathOf("case.json"), Weights, folder);
    }

    /// <summary>Features that it computes from an exported folder.</summary>
    public Dictionary<string, float[]> Features(string folder)
    {
        Run("features", folder, PathOf("batch.safetensors"), PathOf("features.safetensors"));
        return ReadAll(PathOf("features.safetensors"));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static void Write(string path, IEnumerable<(string Name, torch.Tensor Tensor)> tensors)
    {
        using var stream = File.Create(path);
        SafetensorsWriter.Write(
            stream,
            [.. tensors.Select(item => new NamedTensor(item.Name, item.Tensor.shape, item.Tensor.DataPointer()))],
            new Dictionary<string, string>(StringComparer.Ordinal)
        );
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
            StringComparer.Ordinal
        );
    }

    private void Run(params string[] arguments) => Versions = Script.OpenClip(arguments);
}
