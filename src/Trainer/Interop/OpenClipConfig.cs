using System.Text.Json;
using System.Text.Json.Nodes;
using ClipTrain.Trainer.Options;

namespace ClipTrain.Trainer.Interop;

/// <summary>
/// Converts between open_clip's model configuration (open_clip_config.json) and ClipTrain's. Features that one side cannot express
/// are rejected by name.
/// </summary>
public static class OpenClipConfig
{
    public const string FileName = "open_clip_config.json";
    private const string ModelKey = "model_cfg",
        PreprocessKey = "preprocess_cfg",
        ImageKey = "vision_cfg",
        TextKey = "text_cfg";
    private const string Tokenizer = "hf_tokenizer_name",
        Learned = "learnable",
        Sines = "sin_cos_2d";

    /// <summary>Heads per stem channel of a ResNet's attention pooling: open_clip's head_width is a 32nd of the pooled width.</summary>
    private const int PooledWidth = 32;

    /// <summary>Reads a file with model_cfg and preprocess_cfg, or one of open_clip's own files, which contain only the model.</summary>
    /// <exception cref="WeightsException">
    /// The file is malformed, or describes features that ClipTrain does not have.
    /// </exception>
    internal static (ModelOptions Model, Preprocessing Preprocessing, bool OwnTokenizer) Load(string path)
    {
        var file = ConfigObject.Load(path);
        var model = file.Has(ModelKey) ? file.Object(ModelKey) : file;
        var preprocessing = file.Has(PreprocessKey) ? Preprocess(file.Object(PreprocessKey)) : Preprocessing.Clip;
        var (image, text) = (model.Object(ImageKey), model.Object(TextKey));
        var options = new ModelOptions
        {
            EmbedDim = model.Integer("embed_dim"),
            Activation = model.Flag("quick_gelu") ? Activation.QuickGelu : Activation.Gelu,
            Image = Image(image),
            Text = Text(text),
        };
        model.Ignore("custom_text", "init_logit_scale", "init_logit_bias", "nonscalar_logit_scale", "output_dict", PreprocessKey);
        model.RefuseOthers();
        var ownTokenizer = text.Has(Tokenizer);
        text.RefuseOthers();
        return (options, preprocessing, ownTokenizer);
    }

    /// <summary>The file's contents.</summary>
    /// <param name="tokenizerName">
    /// Name for open_clip of the tokenizer whose files are in the same folder; null for OpenAI's tokenizer.
    /// </param>
    /// <param name="logitBias">True if the model adds a learned bias to its logits.</param>
    public static JsonObject Write(ModelOptions model, Preprocessing preprocessing, string? tokenizerName, bool logitBias)
    {
        var json = new JsonObject
        {
            ["embed_dim"] = model.EmbedDim,
            [ImageKey] = Write(model.Image),
            [TextKey] = Write(model.Text),
        };
        if (model.Activation == Activation.QuickGelu)
        {
            json["quick_gelu"] = true;
        }

        if (logitBias)
        {
            json["init_logit_bias"] = -10;
        }

        if (tokenizerName is not null)
        {
            json[TextKey]![Tokenizer] = tokenizerName;
        }

        return new JsonObject
        {
            [ModelKey] = json,
            [PreprocessKey] = new JsonObject
            {
                ["mean"] = new JsonArray([.. preprocessing.Normalization.Mean.Select(value => (JsonNode)value)]),
                ["std"] = new JsonArray([.. preprocessing.Normalization.Std.Select(value => (JsonNode)value)]),
                ["interpolation"] = preprocessing.Interpolation,
                ["resize_mode"] = preprocessing.ResizeMode,
            },
        };
    }

    /// <summary>Reason why open_clip cannot express a model, or null if it can.</summary>
    public static string? Refusal(ModelOptions model)
    {
        var (image, text) = (model.Image, model.Text);
        return (image, text) switch
        {
            ({ Architecture: ImageArchitecture.Vit, Pooling: not ImagePooling.ClassToken }, _) =>
                $"image.pooling is {Name(image.Pooling)}; open_clip's towers of these names have a class token",
            ({ Architecture: ImageArchitecture.Vit, Stride: { } stride }, _) when stride != image.Patch =>
                $"image.stride is {stride}; open_clip's patches do not overlap",
            ({ PatchEmbedding: PatchEmbedding.ConvStem }, _) => "image.patch_embedding is conv_stem, which open_clip does not have",
            ({ Positions: ImagePositions.None }, _) => "image.positions is none, which open_clip does not have",
            ({ Registers: > 0 }, _) => $"image.registers is {image.Registers}; open_clip has none",
            (_, { Pooling: TextPooling.Mean }) => "text.pooling is mean, which open_clip does not have",
            (_, { Attention: TextAttention.Bidirectional, Pooling: not TextPooling.Last }) =>
                "text.attention is bidirectional with text.pooling end_of_text; open_clip's tokens then attend to padding too",
            _ => null,
        };
    }

    private static ImageTowerOptions Image(ConfigObject config)
    {
        if (config.Text("timm_model_name") is { } timm)
        {
            throw config.Wrong("timm_model_name", $"is '{timm}', but ClipTrain does not support timm towers, only CLIP's ViT and ResNet");
        }

        if (config.Flag("attentional_pool"))
        {
            throw config.Wrong("attentional_pool", "is true, but ClipTrain does not support CoCa's attentional pooling");
        }

        if (config.Text("pool_type") is { } pooling and not "tok")
        {
            throw config.Wrong(
                "pool_type",
                $"is '{pooling}': open_clip then averages patches that attend to a class token, which ClipTrain's average pooling has not"
            );
        }

        var size = config.Integers("image_size") is { } sides
            ? sides is [var height, var width] && height == width
                ? height
                : throw config.Wrong("image_size", "is not square")
            : config.Integer("image_size", 224);
        config.Ignore(
            "final_ln_after_pool",
            "output_tokens",
            "attn_pooler_queries",
            "attn_pooler_heads",
            "timm_model_pretrained",
            "timm_pool",
            "timm_proj",
            "timm_drop",
            "patch_size",
            "mlp_ratio",
            "patch_dropout",
            "pos_embed_type"
        );
        if (config.Text("block_type") is { } block and not "default")
        {
            throw config.Wrong("block_type", $"is '{block}', which ClipTrain does not have");
        }

        var tower = config.Integers("layers") is { } blocks ? Resnet(config, size, blocks) : Vit(config, size);
        config.RefuseOthers();
        return tower;
    }

    private static ImageTowerOptions Resnet(ConfigObject config, int size, IReadOnlyList<int> blocks)
    {
        var width = config.Integer("width", 768);
        return new ImageTowerOptions
        {
            Architecture = ImageArchitecture.Resnet,
            Size = size,
            Width = width,
            Blocks = blocks,
            Heads = Heads(config, width * PooledWidth),
        };
    }

    private static ImageTowerOptions Vit(ConfigObject config, int size)
    {
        var width = config.Integer("width", 768);
        return new ImageTowerOptions
        {
            Size = size,
            Patch = config.Integer("patch_size", 16),
            Width = width,
            Layers = config.Integer("layers", 12),
            Heads = Heads(config, width),
            MlpRatio = config.Number("mlp_ratio", 4),
            PatchDropout = config.Number("patch_dropout", 0),
            Positions = config.Text("pos_embed_type") switch
            {
                null or Learned => ImagePositions.Learned,
                Sines => ImagePositions.Sine,
                var other => throw config.Wrong("pos_embed_type", $"is '{other}', which ClipTrain does not have"),
            },
        };
    }

    private static int Heads(ConfigObject config, int width)
    {
        var headWidth = config.Integer("head_width", 64);
        return width % headWidth == 0
            ? width / headWidth
            : throw config.Wrong("head_width", $"is {headWidth}, which {width} is no multiple of");
    }

    private static TextTowerOptions Text(ConfigObject config)
    {
        if (config.Text("hf_model_name") is { } name)
        {
            throw config.Wrong("hf_model_name", $"is '{name}', but ClipTrain does not support Hugging Face text towers, only CLIP's");
        }

        if (config.Text("text_arch") is { } architecture and not "clip")
        {
            throw config.Wrong("text_arch", $"is '{architecture}'; ClipTrain has CLIP's");
        }

        if (config.Text("proj_type") is { } projection and not "linear")
        {
            throw config.Wrong("proj_type", $"is '{projection}'; ClipTrain projects with a matrix");
        }

        if (config.Text("block_type") is { } block and not "default")
        {
            throw config.Wrong("block_type", $"is '{block}', which ClipTrain does not have");
        }

        config.Ignore(
            "final_ln_after_pool",
            "output_tokens",
            "pad_id",
            "bos_id",
            "eos_id",
            "tokenizer_type",
            "tiktoken_name",
            "hf_model_pretrained",
            "hf_proj_type",
            "hf_pooler_type"
        );
        var vocabulary = config.Integer("vocab_size", 49408);
        var pooling = config.Text("pool_type") switch
        {
            null or "argmax" => TextPooling.EndOfText,
            // The end-of-text token has the largest id, so this equals argmax pooling.
            "eos" when config.Integer("eos_id") == vocabulary - 1 => TextPooling.EndOfText,
            "last" => TextPooling.Last,
            var other => throw config.Wrong("pool_type", $"is '{other}', which ClipTrain does not have"),
        };
        var bidirectional = config.Flag("no_causal_mask");
        if (bidirectional && pooling != TextPooling.Last)
        {
            throw config.Wrong(
                "no_causal_mask",
                "is true without pool_type last: tokens then attend to padding, which ClipTrain's never do"
            );
        }

        return new TextTowerOptions
        {
            Context = config.Integer("context_length", 77),
            Vocabulary = vocabulary,
            Width = config.Integer("width", 512),
            Layers = config.Integer("layers", 12),
            Heads = config.Integer("heads", 8),
            MlpRatio = config.Number("mlp_ratio", 4),
            Attention = bidirectional ? TextAttention.Bidirectional : TextAttention.Causal,
            Pooling = pooling,
        };
    }

    private static Preprocessing Preprocess(ConfigObject config)
    {
        if (config.Text("mode") is { } mode and not "RGB")
        {
            throw config.Wrong("mode", $"is '{mode}'; ClipTrain's images are RGB");
        }

        return new Preprocessing(
            config.Normalization("mean", "std"),
            config.Text("interpolation") ?? Preprocessing.Clip.Interpolation,
            config.Text("resize_mode") ?? Preprocessing.Clip.ResizeMode
        );
    }

    private static JsonObject Write(ImageTowerOptions image)
    {
        var json = new JsonObject { ["image_size"] = image.Size };
        if (image.Architecture == ImageArchitecture.Resnet)
        {
            json["layers"] = new JsonArray([.. image.Blocks!.Select(count => (JsonNode)count)]);
            json["width"] = image.Width;
            json["head_width"] = image.Width * PooledWidth / image.Heads;
            json["patch_size"] = null;
            return json;
        }

        json["layers"] = image.Layers;
        json["width"] = image.Width;
        json["head_width"] = image.Width / image.Heads;
        json["patch_size"] = image.Patch;
        json["mlp_ratio"] = image.MlpRatio;
        if (image.PatchDropout > 0)
        {
            json["patch_dropout"] = image.PatchDropout;
        }

        if (image.Positions == ImagePositions.Sine)
        {
            json["pos_embed_type"] = Sines;
        }

        return json;
    }

    private static JsonObject Write(TextTowerOptions text)
    {
        var json = new JsonObject
        {
            ["context_length"] = text.Context,
            ["vocab_size"] = text.Vocabulary,
            ["width"] = text.Width,
            ["heads"] = text.Heads,
            ["layers"] = text.Layers,
            ["mlp_ratio"] = text.MlpRatio,
        };
        if (text.Attention == TextAttention.Bidirectional)
        {
            json["no_causal_mask"] = true;
        }

        if (text.Pooling == TextPooling.Last)
        {
            json["pool_type"] = "last";
        }

        return json;
    }

    private static string Name(ImagePooling pooling) => JsonNamingPolicy.SnakeCaseLower.ConvertName(pooling.ToString());
}
