using System.Text.Json.Nodes;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Trainer.Interop;

/// <summary>
/// Converts between Hugging Face's configuration of a CLIPModel (config.json and preprocessor_config.json) and ClipTrain's. Missing
/// keys have the defaults of CLIPConfig.
/// </summary>
public static class HuggingFaceConfig
{
    public const string FileName = "config.json",
        PreprocessorFile = "preprocessor_config.json";
    private const string TextKey = "text_config",
        ImageKey = "vision_config",
        Epsilon = "layer_norm_eps";
    private const double ClipEpsilon = 1e-5;
    private static readonly (string Key, string What)[] s_steps =
    [
        ("do_resize", "resizes"),
        ("do_rescale", "rescales"),
        ("do_normalize", "normalises"),
    ];
    private static readonly (int Code, string Name)[] s_resampling = [(0, "nearest"), (2, "bilinear"), (3, "bicubic")];

    /// <exception cref="WeightsException">
    /// The file is malformed, or describes features that ClipTrain does not have.
    /// </exception>
    internal static ModelOptions Load(string path)
    {
        var file = ConfigObject.Load(path);
        if (file.Text("model_type") is var kind and not "clip")
        {
            throw file.Wrong("model_type", $"is '{kind}'; ClipTrain reads clip");
        }

        var (text, image) = (Tower(file, TextKey), Tower(file, ImageKey));
        if (image.Integer("num_channels", 3) != 3)
        {
            throw image.Wrong("num_channels", "is not 3");
        }

        var (textWidth, imageWidth) = (text.Integer("hidden_size", 512), image.Integer("hidden_size", 768));
        var activation = Act(text);
        if (Act(image) != activation)
        {
            throw image.Wrong("hidden_act", $"differs from that of {TextKey}; ClipTrain's towers share one activation");
        }

        return new ModelOptions
        {
            EmbedDim = file.Integer("projection_dim", 512),
            Activation = activation,
            Image = new ImageTowerOptions
            {
                Size = image.Integer("image_size", 224),
                Patch = image.Integer("patch_size", 32),
                Width = imageWidth,
                Layers = image.Integer("num_hidden_layers", 12),
                Heads = image.Integer("num_attention_heads", 12),
                MlpRatio = Ratio(image.Integer("intermediate_size", 3072), imageWidth),
            },
            Text = new TextTowerOptions
            {
                Context = text.Integer("max_position_embeddings", 77),
                Vocabulary = text.Integer("vocab_size", 49408),
                Width = textWidth,
                Layers = text.Integer("num_hidden_layers", 12),
                Heads = text.Integer("num_attention_heads", 8),
                MlpRatio = Ratio(text.Integer("intermediate_size", 2048), textWidth),
            },
        };
    }

    /// <exception cref="WeightsException">
    /// The file is malformed, or describes preprocessing that open_clip's terms cannot express.
    /// </exception>
    /// <param name="path">The file.</param>
    /// <param name="size">Side of the model's images in pixels.</param>
    internal static Preprocessing LoadPreprocessing(string path, int size)
    {
        var file = ConfigObject.Load(path);
        var code = (int)file.Number("resample", 3);
        var interpolation =
            Array.Find(s_resampling, pair => pair.Code == code).Name
            ?? throw file.Wrong("resample", $"is {code}, which ClipTrain does not know");
        foreach (var (key, what) in s_steps)
        {
            if (!file.Flag(key, fallback: true))
            {
                throw file.Wrong(key, $"is false, but ClipTrain {what} every image");
            }
        }

        if (Math.Abs(file.Number("rescale_factor", 1 / 255.0) - (1 / 255.0)) > 1e-9)
        {
            throw file.Wrong("rescale_factor", "is not 1/255");
        }

        var squash = file.HasObject("size") && !file.Object("size").Has("shortest_edge");
        var crops = file.Flag("do_center_crop", fallback: true);
        if (!crops && !squash)
        {
            throw file.Wrong("do_center_crop", "is false, but ClipTrain crops to a square what it resizes by the short side");
        }

        foreach (var key in crops ? new[] { "size", "crop_size" } : ["size"])
        {
            if (Side(file, key) is { } side && side != size)
            {
                throw file.Wrong(key, $"is {side}, but the model's images have {size} pixels; ClipTrain resizes to that and crops no more");
            }
        }

        return new Preprocessing(file.Normalization("image_mean", "image_std"), interpolation, squash ? "squash" : "shortest");
    }

    /// <summary>A side in pixels; null if it is not given. Before transformers 4.26 it was a number.</summary>
    private static int? Side(ConfigObject file, string key)
    {
        if (!file.HasObject(key))
        {
            return file.Has(key) ? file.Integer(key) : null;
        }

        var sides = file.Object(key);
        return sides.Has("shortest_edge") ? sides.Integer("shortest_edge")
            : sides.Integer("height") is var height && height == sides.Integer("width") ? height
            : throw file.Wrong(key, "is not square");
    }

    /// <summary>The contents of config.json.</summary>
    public static JsonObject Write(ModelOptions model, NumberType precision)
    {
        JsonObject Tower(string kind, int width, int layers, int heads, double ratio) =>
            new()
            {
                ["model_type"] = kind,
                ["hidden_size"] = width,
                ["intermediate_size"] = Mlp.HiddenWidth(width, ratio),
                ["num_hidden_layers"] = layers,
                ["num_attention_heads"] = heads,
                ["hidden_act"] = model.Activation == Activation.QuickGelu ? "quick_gelu" : "gelu",
                [Epsilon] = ClipEpsilon,
                ["projection_dim"] = model.EmbedDim,
            };
        var text = Tower("clip_text_model", model.Text.Width, model.Text.Layers, model.Text.Heads, model.Text.MlpRatio);
        text["vocab_size"] = model.Text.Vocabulary;
        text["max_position_embeddings"] = model.Text.Context;
        text["bos_token_id"] = model.Text.Vocabulary - 2;
        text["eos_token_id"] = model.Text.Vocabulary - 1;
        text["pad_token_id"] = model.Text.Vocabulary - 1;
        var image = Tower("clip_vision_model", model.Image.Width, model.Image.Layers!.Value, model.Image.Heads, model.Image.MlpRatio);
        image["image_size"] = model.Image.Size;
        image["patch_size"] = model.Image.Patch;
        image["num_channels"] = 3;
        return new JsonObject
        {
            ["architectures"] = new JsonArray("CLIPModel"),
            ["model_type"] = "clip",
            ["projection_dim"] = model.EmbedDim,
            ["logit_scale_init_value"] = 2.6592,
            [TextKey] = text,
            [ImageKey] = image,
            ["torch_dtype"] = precision.ToString().ToLowerInvariant(),
        };
    }

    /// <summary>The contents of preprocessor_config.json.</summary>
    public static JsonObject WritePreprocessing(Preprocessing preprocessing, int size)
    {
        var square = new JsonObject { ["height"] = size, ["width"] = size };
        return new JsonObject
        {
            ["image_processor_type"] = "CLIPImageProcessor",
            ["feature_extractor_type"] = "CLIPFeatureExtractor",
            ["do_convert_rgb"] = true,
            ["do_resize"] = true,
            ["size"] = preprocessing.ResizeMode == "squash" ? square.DeepClone() : new JsonObject { ["shortest_edge"] = size },
            ["resample"] = Array.Find(s_resampling, pair => pair.Name == preprocessing.Interpolation).Code,
            ["do_center_crop"] = true,
            ["crop_size"] = square,
            ["do_rescale"] = true,
            ["rescale_factor"] = 1 / 255.0,
            ["do_normalize"] = true,
            ["image_mean"] = new JsonArray([.. preprocessing.Normalization.Mean.Select(value => (JsonNode)value)]),
            ["image_std"] = new JsonArray([.. preprocessing.Normalization.Std.Select(value => (JsonNode)value)]),
        };
    }

    /// <summary>Reason why Hugging Face's CLIPModel cannot express a model, or null if it can.</summary>
    public static string? Refusal(ModelOptions model, Preprocessing preprocessing, bool logitBias) =>
        model.Image.Architecture == ImageArchitecture.Resnet ? "image.architecture is resnet; CLIPModel supports only Vision Transformers"
        : model.Image.Positions == ImagePositions.Sine ? "image.positions is sine; CLIPModel's are learned"
        : model.Text.Attention == TextAttention.Bidirectional ? "text.attention is bidirectional; CLIPModel's is causal"
        : model.Text.Pooling == TextPooling.Last ? "text.pooling is last; CLIPModel reads the end-of-text token"
        : logitBias ? "it has a logit_bias; CLIPModel has none"
        : preprocessing.ResizeMode == "longest" ? "its images are resized by their long side, which CLIPImageProcessor cannot do"
        : s_resampling.All(pair => pair.Name != preprocessing.Interpolation)
            ? $"its images are resized with {preprocessing.Interpolation}, which CLIPImageProcessor does not support"
        : OpenClipConfig.Refusal(model)?.Replace("open_clip", "CLIPModel", StringComparison.Ordinal);

    private static ConfigObject Tower(ConfigObject file, string key)
    {
        var tower = file.Has(key) ? file.Object(key) : throw file.Wrong(key, "is missing");
        // Files of older versions have a second object, which takes precedence.
        if (file.Has($"{key}_dict"))
        {
            tower.Overlay(file.Object($"{key}_dict"));
        }

        if (Math.Abs(tower.Number(Epsilon, ClipEpsilon) - ClipEpsilon) > 1e-9)
        {
            throw tower.Wrong(Epsilon, $"is not {ClipEpsilon}, the value of ClipTrain's LayerNorm");
        }

        return tower;
    }

    private static Activation Act(ConfigObject tower) =>
        tower.Text("hidden_act") switch
        {
            null or "quick_gelu" => Activation.QuickGelu,
            "gelu" => Activation.Gelu,
            var other => throw tower.Wrong("hidden_act", $"is '{other}'; ClipTrain has gelu and quick_gelu"),
        };

    /// <summary>The ratio that gives exactly this hidden width after rounding.</summary>
    private static double Ratio(int hidden, int width)
    {
        var ratio = hidden / (double)width;
        return Mlp.HiddenWidth(width, ratio) == hidden ? ratio : Math.BitIncrement(ratio);
    }
}
