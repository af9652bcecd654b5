using System.Text.Json;
using System.Text.Json.Nodes;
using ClipTrain.DataPipeline.Images;
using ClipTrain.Tests.Shared;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.InitialWeights;
using ClipTrain.Trainer.Interop;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Trainer.Tests.Interop;

/// <summary>The image preprocessing of open_clip's and Hugging Face's folders.</summary>
public sealed class PreprocessingTests : IDisposable
{
    private const int Size = 24;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(ExportFormat.OpenClip)]
    [InlineData(ExportFormat.HuggingFace)]
    public void Mean_deviation_interpolation_and_resize_mode_reach_evaluation_and_survive_export(ExportFormat format)
    {
        var folder = Export(format);
        if (format == ExportFormat.OpenClip)
        {
            Change(
                folder,
                json =>
                    json["preprocess_cfg"] = new JsonObject
                    {
                        ["mean"] = Numbers(0.485, 0.456, 0.406),
                        ["std"] = Numbers(0.229, 0.224, 0.225),
                        ["interpolation"] = "bilinear",
                        ["resize_mode"] = "squash",
                    }
            );
        }
        else
        {
            Change(
                folder,
                json =>
                {
                    json["image_mean"] = Numbers(0.485, 0.456, 0.406);
                    json["image_std"] = Numbers(0.229, 0.224, 0.225);
                    json["resample"] = 2;
                    json["size"] = new JsonObject { ["height"] = Size, ["width"] = Size };
                }
            );
        }

        var expected = new ImageTransformOptions(Size)
        {
            Normalization = new ImageNormalization([0.485f, 0.456f, 0.406f], [0.229f, 0.224f, 0.225f]),
            Filter = ResampleFilter.Bilinear,
            Resize = ResizeMode.Squash,
        };
        using var opened = ModelFolder.Open(folder);
        Assert.Equal(expected, opened.WithPreprocessing(new ImageTransformOptions(Size)));
        Assert.False(opened.Preprocessing.IsClip);
        new ModelExport(opened, format, NumberType.Float32).Write(_folder.File("again"));
        using var again = ModelFolder.Open(_folder.File("again"));
        Assert.Equal(opened.Preprocessing, again.Preprocessing);
    }

    [Theory]
    [InlineData("interpolation", "random", "'random'; ClipTrain has bicubic and bilinear")]
    [InlineData("resize_mode", "longest", "'longest'; ClipTrain has shortest and squash")]
    public void What_evaluation_lacks_is_refused_by_name_and_can_still_be_exported(string key, string value, string message)
    {
        var folder = Export(ExportFormat.OpenClip);
        Change(folder, json => json["preprocess_cfg"]![key] = value);

        using var opened = ModelFolder.Open(folder);

        var error = Assert.Throws<UsageException>(() => opened.WithPreprocessing(new ImageTransformOptions(Size)));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        new ModelExport(opened, ExportFormat.OpenClip, NumberType.Float32).Write(_folder.File("again"));
    }

    [Theory]
    [InlineData(ExportFormat.OpenClip, "preprocess_cfg.mean", "[0.5, 0.5]", "mean")]
    [InlineData(ExportFormat.OpenClip, "preprocess_cfg.std", "[0.5, 0.5, 0]", "std")]
    [InlineData(ExportFormat.OpenClip, "preprocess_cfg.mode", "\"L\"", "RGB")]
    [InlineData(ExportFormat.HuggingFace, "image_std", "[0.5, -1, 0.5]", "image_std")]
    [InlineData(ExportFormat.HuggingFace, "do_normalize", "false", "do_normalize")]
    [InlineData(ExportFormat.HuggingFace, "rescale_factor", "0.0078", "rescale_factor")]
    [InlineData(ExportFormat.HuggingFace, "size", """{"shortest_edge": 18}""", "size")]
    [InlineData(ExportFormat.HuggingFace, "size", """{"height": 16, "width": 18}""", "square")]
    [InlineData(ExportFormat.HuggingFace, "crop_size", "14", "crop_size")]
    [InlineData(ExportFormat.HuggingFace, "resample", "1", "resample")]
    [InlineData(ExportFormat.HuggingFace, "do_center_crop", "false", "do_center_crop")]
    [InlineData(ExportFormat.OpenClip, "preprocess_cfg", "[1]", "'preprocess_cfg' is not an object")]
    public void Preprocessing_that_cannot_be_expressed_is_an_error_that_names_the_key(
        ExportFormat format,
        string key,
        string value,
        string message
    )
    {
        var folder = Export(format);
        Change(
            folder,
            json =>
            {
                var (at, name) = key.Split('.') is [var outer, var inner] ? (json[outer]!.AsObject(), inner) : (json, key);
                at[name] = JsonNode.Parse(value);
            }
        );

        var error = Assert.Throws<WeightsException>(() => ModelFolder.Open(folder));

        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_does_not_start_from_a_model_with_other_preprocessing()
    {
        var folder = Export(ExportFormat.OpenClip);
        WeightSource.Open(folder, TinyClip.Model.Activation).Weights.Dispose();
        Change(folder, json => json["preprocess_cfg"]!["mean"] = Numbers(0.5, 0.5, 0.5));

        var error = Assert.Throws<WeightsException>(() => WeightSource.Open(folder, TinyClip.Model.Activation));

        Assert.Contains("mean 0.5 0.5 0.5", error.Message, StringComparison.Ordinal);
    }

    private static JsonArray Numbers(params double[] values) => [.. values.Select(value => (JsonNode)value)];

    private string Export(ExportFormat format)
    {
        var options = ModelFiles.WithTokenizer(TinyClip.Model);
        Assert.Equal(Size, options.Image.Size);
        using var source = ModelFolder.Open(ModelFiles.Write(_folder.File("source"), options));
        new ModelExport(source, format, NumberType.Float32).Write(_folder.File("there"));
        return _folder.File("there");
    }

    private static void Change(string folder, Action<JsonObject> change)
    {
        var path = Path.Combine(folder, "open_clip_config.json");
        path = File.Exists(path) ? path : Path.Combine(folder, "preprocessor_config.json");
        var json = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        change(json);
        File.WriteAllText(path, json.ToJsonString(JsonSerializerOptions.Default));
    }
}
