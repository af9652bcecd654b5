using System.Text;
using System.Text.Json;
using ClipTrain.Tests.Shared;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Interop;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using ClipTrain.Weights;
using ClipTrain.Weights.Names;
using ClipTrain.Weights.Safetensors;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Trainer.Tests.Interop;

public sealed class BadWeightsTests : IDisposable
{
    private static readonly ModelOptions s_model = ModelFiles.WithTokenizer(TinyClip.Model);
    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[25000000000],"data_offsets":[0,8]}}""", "100000000000 bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,8]}}""", "has the shape")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", "has the shape [-2]")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,9223372036854775807]}}""", "JSON")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,100000000000]}}""", "truncated or extended")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}""", "JSON")]
    [InlineData("""{"a":{"dtype":"Q4","shape":[2],"data_offsets":[0,8]}}""", "'Q4'")]
    [InlineData(
        """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""",
        "overlaps"
    )]
    public void An_invalid_safetensors_header_is_rejected_with_the_reason(string header, string reason)
    {
        File.WriteAllBytes(
            _folder.File("bad"),
            [.. BitConverter.GetBytes((ulong)header.Length), .. Encoding.UTF8.GetBytes(header), .. new byte[8]]
        );
        Assert.Contains(reason, Refusal(() => WeightsFile.Open(_folder.File("bad"))), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(12L, 0L, new long[] { 25_000_000_000 }, new long[] { 1 }, "does not fit")]
    [InlineData(25_000_000_000L, 0L, new long[] { 25_000_000_000 }, new long[] { 1 }, "truncated")]
    [InlineData(12L, 0L, new[] { 1L << 40, 1L << 40 }, new long[] { 1, 1 }, "does not fit")]
    [InlineData(12L, 0L, new long[] { 12 }, new long[] { 2 }, "beyond its storage")]
    [InlineData(12L, 1L, new long[] { 12 }, new long[] { 1 }, "beyond its storage")]
    [InlineData(12L, -1L, new long[] { 2 }, new long[] { 1 }, "does not fit")]
    [InlineData(12L, 0L, new long[] { 2, 2 }, new[] { long.MaxValue, long.MaxValue }, "beyond its storage")]
    [InlineData(12L, 0L, new long[] { 2 }, new long[] { -1 }, "a shape contains")]
    [InlineData(12L, 0L, new long[] { 3, 4 }, new long[] { 1 }, "does not fit")]
    public void A_tensor_beyond_its_storage_is_rejected(long numbers, long offset, long[] shape, long[] strides, string reason)
    {
        var path = new PickleBytes().Op('}').Text("a").Tensor(numbers, offset, shape, strides).Op('s').Save(_folder.File("bad.pt"));
        Assert.Contains(reason, Refusal(() => WeightsFile.Open(path)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("builtins", "eval")]
    [InlineData("posix", "system")]
    [InlineData("torch.storage", "_load_from_bytes")]
    [InlineData("__torch__evil", "x")]
    [InlineData("torch", "load")]
    public void A_pickle_that_names_code_is_rejected(string module, string name)
    {
        var path = new PickleBytes().Global(module, name).Text("1").Op(0x85).Op('R').Save(_folder.File("bad.pt"));
        Assert.Contains($"'{module}.{name}'", Refusal(() => WeightsFile.Open(path)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_list_converted_to_a_dict_repeatedly_stays_within_the_memory_limit()
    {
        var pickle = new PickleBytes().Op(']').Op((byte)'q', 0).Op('(');
        for (var i = 0; i < 1000; i++)
        {
            pickle.Op((byte)'K', 1).Op((byte)'K', 2).Op(0x86);
        }

        pickle.Op('e').Global("collections", "OrderedDict").Op((byte)'q', 1).Op('0');
        for (var i = 0; i < 2000; i++)
        {
            pickle.Op((byte)'h', 1).Op((byte)'h', 0).Op(0x85).Op('R');
        }

        Assert.Contains(
            "more than 1000000 entries",
            Refusal(() => WeightsFile.Open(pickle.Save(_folder.File("bad.pt")))),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void A_device_is_not_a_weights_file() =>
        Assert.Contains("not a file", Refusal(() => WeightsFile.Open("/dev/zero")), StringComparison.Ordinal);

    [Fact]
    public void Modules_that_contain_themselves_are_rejected()
    {
        var path = new PickleBytes()
            .Global("__torch__", "M")
            .Op(')')
            .Op(0x81)
            .Op((byte)'q', 0)
            .Op('}')
            .Text("self")
            .Op((byte)'h', 0)
            .Op('s')
            .Op('b')
            .Save(_folder.File("bad.pt"));
        Assert.Contains("nested in a cycle", Refusal(() => WeightsFile.Open(path)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_length_beyond_the_pickle_allocates_no_memory()
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        var path = new PickleBytes().Op('X').Op(BitConverter.GetBytes(0xffff_fff0u)).Save(_folder.File("bad.pt"));
        Assert.Contains("truncated", Refusal(() => WeightsFile.Open(path)), StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 22);
    }

    [Fact]
    public void Missing_extra_and_misshapen_tensors_are_listed_with_similar_names()
    {
        List<TensorHeader> tensors =
        [
            .. ClipModel.Specs(s_model).Select(spec => new TensorHeader(spec.Name, spec.Shape, NumberType.Float32)),
        ];
        tensors[tensors.FindIndex(tensor => tensor.Name == "ln_final.weight")] = new("ln_finale.weight", [24], NumberType.Float32);
        tensors[tensors.FindIndex(tensor => tensor.Name == "visual.proj")] = new("visual.proj", [32, 25], NumberType.Float32);
        WeightFiles.Write(_folder.File("bad.safetensors"), tensors, 1);
        using var weights = WeightsFile.Open(_folder.File("bad.safetensors"));
        using var model = new ClipModel(s_model, Precision.Fp32, seed: null);
        var message = Refusal(() => ModelWeights.LoadInto(model.Parameters, weights));
        Assert.Contains("lack 1: ln_final.weight (there is ln_finale.weight)", message, StringComparison.Ordinal);
        Assert.Contains("beside the model's 1: ln_finale.weight (the model has ln_final.weight)", message, StringComparison.Ordinal);
        Assert.Contains("visual.proj is [32, 25], the model's [32, 24]", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.NegativeInfinity)]
    public void Non_finite_weights_are_rejected_by_tensor_on_loading_and_export(float value)
    {
        var folder = ModelFiles.Write(_folder.File("bad"), s_model);
        long place;
        using (var file = new SafetensorsFile(Path.Combine(folder, "model.safetensors")))
        {
            place = file.Entries["visual.proj"].Start + 40;
        }

        using (var stream = File.OpenWrite(Path.Combine(folder, "model.safetensors")))
        {
            stream.Position = place;
            stream.Write(BitConverter.GetBytes(value));
        }

        using var opened = ModelFolder.Open(folder);
        Assert.Contains("'visual.proj'", Refusal(() => opened.Load()), StringComparison.Ordinal);
        Assert.Contains(
            "visual_projection.weight",
            Refusal(() => new ModelExport(opened, ExportFormat.HuggingFace, NumberType.Float32).Write(_folder.File("out"))),
            StringComparison.Ordinal
        );
        Assert.Empty(Directory.EnumerateDirectories(_folder.Path, "out*"));
    }

    [Fact]
    public void Weights_known_to_need_QuickGELU_are_not_loaded_with_GELU()
    {
        var folder = ModelFiles.Write(_folder.File("source"), s_model with { Activation = Activation.QuickGelu });
        using (var source = ModelFolder.Open(folder))
        {
            new ModelExport(source, ExportFormat.HuggingFace, NumberType.Float32).Write(_folder.File("face"));
        }

        var config = Path.Combine(_folder.File("face"), HuggingFaceConfig.FileName);
        File.WriteAllText(config, File.ReadAllText(config).Replace("quick_gelu", "gelu", StringComparison.Ordinal));
        Assert.Contains("was trained with quick_gelu", Refusal(() => ModelFolder.Open(_folder.File("face"))), StringComparison.Ordinal);

        File.WriteAllText(_folder.File("gelu.yaml"), ConfigWriter.WriteModel(s_model));
        Assert.Contains(
            "OpenAI's",
            Refusal(() => ModelFolder.Open(TorchFixture.Path("script.pt"), _folder.File("gelu.yaml"))),
            StringComparison.Ordinal
        );
        File.Copy(Path.Combine(folder, "model.safetensors"), _folder.File("vit_b_32-quickgelu-x.safetensors"));
        Assert.Contains(
            "its name says so",
            Refusal(() => ModelFolder.Open(_folder.File("vit_b_32-quickgelu-x.safetensors"), _folder.File("gelu.yaml"))),
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("\"pool_type\": \"avg\"", "vision_cfg.pool_type")]
    [InlineData("\"timm_model_name\": \"vit_base\"", "vision_cfg.timm_model_name")]
    [InlineData("\"no_ln_pre\": true", "vision_cfg.no_ln_pre")]
    [InlineData("\"attentional_pool\": true", "vision_cfg.attentional_pool")]
    [InlineData("\"ls_init_value\": 0.1", "vision_cfg.ls_init_value")]
    [InlineData("\"head_width\": 7", "vision_cfg.head_width")]
    [InlineData("\"image_size\": [24, 32]", "vision_cfg.image_size")]
    public void Unsupported_open_clip_features_are_rejected_by_key(string key, string name)
    {
        using (var source = ModelFolder.Open(ModelFiles.Write(_folder.File("source"), s_model)))
        {
            new ModelExport(source, ExportFormat.OpenClip, NumberType.Float32).Write(_folder.File("open"));
        }

        var config = Path.Combine(_folder.File("open"), OpenClipConfig.FileName);
        File.WriteAllText(
            config,
            File.ReadAllText(config).Replace("\"patch_size\": 8", $"\"patch_size\": 8, {key}", StringComparison.Ordinal)
        );
        Assert.Contains(name, Refusal(() => ModelFolder.Open(_folder.File("open"))), StringComparison.Ordinal);
    }

    [Fact]
    public void An_index_of_shards_is_read_and_cannot_refer_to_files_elsewhere()
    {
        var folder = ModelFiles.Write(_folder.File("source"), s_model);
        using var whole = WeightsFile.Open(Path.Combine(folder, "model.safetensors"));
        List<TensorHeader>[] halves =
        [
            [],
            [],
        ];
        foreach (var (i, (name, shape)) in whole.Shapes.Index())
        {
            halves[i % 2].Add(new(name, shape, NumberType.Float32));
        }

        for (var i = 0; i < 2; i++)
        {
            WeightFiles.Write(_folder.File($"shard-{i}.safetensors"), halves[i], 3);
        }

        string Index(string first) =>
            JsonSerializer.Serialize(
                new
                {
                    weight_map = halves
                        .Index()
                        .SelectMany(half =>
                            half.Item.Select(tensor => (tensor.Name, File: half.Index == 0 ? first : "shard-1.safetensors"))
                        )
                        .ToDictionary(pair => pair.Name, pair => pair.File, StringComparer.Ordinal),
                }
            );
        File.WriteAllText(_folder.File("model.safetensors.index.json"), Index("shard-0.safetensors"));
        using (var shards = WeightsFile.Open(_folder.File("model.safetensors.index.json")))
        {
            ModelFiles.AssertSame(whole, shards);
        }

        File.WriteAllText(_folder.File("model.safetensors.index.json"), Index("../shard-0.safetensors"));
        Assert.Contains(
            "not a file in the same folder",
            Refusal(() => WeightsFile.Open(_folder.File("model.safetensors.index.json"))),
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("text.ln_final.weight", "ln_final.weight")]
    [InlineData("module.ln_final.weight", "ln_final.weight")]
    public void A_tensor_with_and_without_a_prefix_is_rejected(string one, string other)
    {
        WeightFiles.Write(_folder.File("bad.safetensors"), [new(one, [2], NumberType.Float32), new(other, [2], NumberType.Float32)], 1);
        using var weights = WeightsFile.Open(_folder.File("bad.safetensors"));
        Assert.Contains("'ln_final.weight' twice", Refusal(() => WeightNames.Ours(weights)), StringComparison.Ordinal);
    }

    [Fact]
    public void Wrapper_and_custom_text_prefixes_are_removed_and_scalars_lose_their_dimension()
    {
        WeightFiles.Write(
            _folder.File("a.safetensors"),
            [
                new("module._orig_mod.text.ln_final.weight", [2], NumberType.Float32),
                new("module.logit_scale", [1], NumberType.Float32),
                new("module.visual.bn1.num_batches_tracked", [1], NumberType.Float32),
            ],
            1
        );
        using var ours = WeightNames.Ours(WeightsFile.Open(_folder.File("a.safetensors")));
        Assert.Equal("ln_final.weight logit_scale", string.Join(' ', ours.Shapes.Keys.Order(StringComparer.Ordinal)));
        Assert.Empty(ours.Shapes["logit_scale"]);
    }

    [Fact]
    public void A_weights_file_needs_the_name_of_its_model()
    {
        Assert.Contains(
            "--model",
            Assert.Throws<UsageException>(() => ModelFolder.Open(TorchFixture.Path("state.pt"))).Message,
            StringComparison.Ordinal
        );
        Assert.Contains("cannot be read", Refusal(() => WeightsFile.Open(_folder.File("none"))), StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private static string Refusal(Action action) => Assert.Throws<WeightsException>(action).Message;

    private static string Refusal(Func<IDisposable> open) => Refusal(() => open().Dispose());
}
