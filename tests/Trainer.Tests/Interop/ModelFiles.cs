using ClipTrain.DataPipeline.Text;
using ClipTrain.Tests.Shared;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using ClipTrain.Weights.Safetensors;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Trainer.Tests.Interop;

/// <summary>Random models, written as an exported folder without the export under test.</summary>
internal static class ModelFiles
{
    public static string Write(string folder, ModelOptions options, int seed = 3, params (string Name, long[] Shape)[] more)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "model.yaml"), ConfigWriter.WriteModel(options));
        var tensors = ClipModel
            .Specs(options)
            .Select(spec => new TensorHeader(spec.Name, spec.Shape, NumberType.Float32))
            .Concat(more.Select(tensor => new TensorHeader(tensor.Name, tensor.Shape, NumberType.Float32)));
        WeightFiles.Write(Path.Combine(folder, "model.safetensors"), [.. tensors], seed);
        Merges(options).Save(Path.Combine(folder, "merges.txt"));
        ClipTrain.DataPipeline.Text.HuggingFace.TokenizerFolder.Write(folder, Merges(options), options.Text.Context);
        return folder;
    }

    /// <summary>A vocabulary of the model's size.</summary>
    public static MergeList Merges(ModelOptions options)
    {
        var count = options.Text.Vocabulary - MergeList.TokensWithoutMerges;
        var letters = Enumerable.Range('a', 26).Select(letter => ((char)letter).ToString()).ToArray();
        var pairs = (from left in letters from right in letters select $"{left} {right}").Take(count);
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllLines(path, ["#version: 0.2", .. pairs]);
            return MergeList.Load(path);
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>A variant with a vocabulary large enough for a tokenizer.</summary>
    public static ModelOptions WithTokenizer(ModelOptions options) =>
        options with
        {
            Text = options.Text with { Vocabulary = MergeList.TokensWithoutMerges + 20 },
        };

    public static void AssertSame(IWeights expected, IWeights actual)
    {
        Assert.Equal(expected.Shapes.Keys.Order(StringComparer.Ordinal), actual.Shapes.Keys.Order(StringComparer.Ordinal));
        foreach (var name in expected.Shapes.Keys)
        {
            Assert.Equal(expected.Shapes[name], actual.Shapes[name]);
            Assert.True(WeightFiles.Read(expected, name).AsSpan().SequenceEqual(WeightFiles.Read(actual, name)), name);
        }
    }
}
