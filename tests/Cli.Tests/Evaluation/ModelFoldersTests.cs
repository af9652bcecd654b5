using System.Text.Json.Nodes;
using ClipTrain.Cli.Commands;
using ClipTrain.Cli.Evaluation;
using ClipTrain.DataPipeline.Images;
using ClipTrain.EndToEnd.Tests;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Interop;
using ClipTrain.Trainer.Tests;
using ClipTrain.Trainer.Tests.Interop;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Cli.Tests.Evaluation;

/// <summary>Suites with models of other programs: the same weights in each layout have the same figures.</summary>
public sealed class ModelFoldersTests : IDisposable
{
    private readonly TinyCorpus _corpus = new();
    private readonly string _suite;

    public ModelFoldersTests()
    {
        _suite = _corpus.PathOf("suite.yaml");
        File.WriteAllText(
            _suite,
            $$"""
            cache: null
            sets:
              - { name: squares, data: ["{{_corpus.PathOf("train.parquet")}}"], templates: ["a {} square", "{}"] }
            """
        );
    }

    public void Dispose() => _corpus.Dispose();

    [Theory]
    [InlineData(ExportFormat.OpenClip)]
    [InlineData(ExportFormat.HuggingFace)]
    public void A_folder_of_another_program_is_evaluated_on_a_suite(ExportFormat format)
    {
        var own = ModelFiles.Write(_corpus.PathOf("own"), ModelFiles.WithTokenizer(TinyClip.Model));
        var theirs = Export(own, format);

        var (ours, others) = (Evaluate(own), Evaluate(theirs));

        Assert.Contains(ours, row => row!["metric"]!.GetValue<string>() == "top1");
        Assert.Equal(ours.ToJsonString(), others.ToJsonString());
    }

    [Fact]
    public void Models_of_two_programs_are_compared_image_by_image()
    {
        var options = ModelFiles.WithTokenizer(TinyClip.Model);
        var openClip = Export(ModelFiles.Write(_corpus.PathOf("first"), options, seed: 3), ExportFormat.OpenClip);
        var huggingFace = Export(ModelFiles.Write(_corpus.PathOf("second"), options, seed: 4), ExportFormat.HuggingFace);
        var output = _corpus.PathOf("differences.json");

        Assert.Equal(0, Eval("compare", openClip, huggingFace, "--suite", _suite, "-o", output));

        var rows = JsonNode.Parse(File.ReadAllText(output))!.AsArray();
        var top1 = Assert.Single(rows, row => row!["task"]!.GetValue<string>() == "zero_shot" && row["class"] is null)!;
        Assert.Equal(Top1(openClip), top1["first"]!.GetValue<double>());
        Assert.Equal(Top1(huggingFace), top1["second"]!.GetValue<double>());
        Assert.Equal(TinyCorpus.Rows, top1["n"]!.GetValue<int>());
    }

    [Fact]
    public void A_model_sees_images_normalised_as_its_folder_says()
    {
        var own = ModelFiles.Write(_corpus.PathOf("own"), ModelFiles.WithTokenizer(TinyClip.Model));
        var (halved, clip) = (Export(own, ExportFormat.OpenClip), Export(own, ExportFormat.HuggingFace));
        var config = Path.Combine(halved, "open_clip_config.json");
        var json = JsonNode.Parse(File.ReadAllText(config))!;
        json["preprocess_cfg"]!["mean"] = new JsonArray(0.5, 0.5, 0.5);
        json["preprocess_cfg"]!["std"] = new JsonArray(0.5, 0.5, 0.5);
        File.WriteAllText(config, json.ToJsonString());
        using var opened = ModelFolder.Open(halved);
        using var model = new EvaluatedClip(opened, "halved");
        using var reference = ModelFolder.Open(clip);
        using var plain = new EvaluatedClip(reference, "plain");
        var file = TinyCorpus.Picture(3);

        using var embedded = model.EncodeFiles([file]);

        // The same weights applied to pixels that the test normalises itself.
        using var transform = new ClipImageTransform(plain.Transform with { Type = ImageType.UInt8 });
        var size = plain.Transform.Size;
        var levels = new byte[3 * size * size];
        transform.Evaluate(file, levels);
        var pixels = levels.Select(level => (float)(((level / 255.0) - 0.5) / 0.5)).ToArray();
        using var images = TorchSharp.torch.tensor(pixels).view([1, 3, size, size]);
        var expected = plain.EncodeImages(images).Embeddings_bD.AsSpan<float>().ToArray();
        Assert.All(expected.Zip(embedded.AsSpan<float>().ToArray()), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
        using var other = plain.EncodeFiles([file]);
        Assert.Contains(expected.Zip(other.AsSpan<float>().ToArray()), pair => Math.Abs(pair.First - pair.Second) > 1e-3f);
    }

    private string Export(string model, ExportFormat format)
    {
        var folder = $"{model}-{format}";
        using var opened = ModelFolder.Open(model);
        new ModelExport(opened, format, NumberType.Float32).Write(folder);
        return folder;
    }

    private double Top1(string model) =>
        Evaluate(model).First(row => row!["metric"]!.GetValue<string>() == "top1")!["value"]!.GetValue<double>();

    private JsonArray Evaluate(string model)
    {
        var output = _corpus.PathOf("out");
        Assert.Equal(0, Eval(model, "--suite", _suite, "-o", output));
        return JsonNode.Parse(File.ReadAllText(Path.Combine(output, "results.json")))!.AsArray();
    }

    private static int Eval(params string[] arguments) => EvalCommand.Create().Parse(arguments).Invoke();
}
