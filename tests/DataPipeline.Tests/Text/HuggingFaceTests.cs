using System.Text.Json;
using System.Text.Json.Nodes;
using ClipTrain.DataPipeline.Text;
using ClipTrain.DataPipeline.Text.HuggingFace;

namespace ClipTrain.DataPipeline.Tests.Text;

public sealed class HuggingFaceTests : IDisposable
{
    private static readonly MergeList Small = MergeTrainer.Learn(["a photo of a photo", "Ünïcode \"日本\" 日本 <b> \\"], 20);

    private readonly string _folder = Directory.CreateTempSubdirectory("cliptrain-hf-").FullName;

    public HuggingFaceTests() => TokenizerFolder.Write(_folder, Small, 32);

    private string Whole => Path.Combine(_folder, "tokenizer.json");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void What_was_written_is_read_again_from_a_folder_and_from_the_one_file()
    {
        foreach (var merges in new[] { Small, MergeList.OpenAi(), MergeTrainer.Learn([], 0) })
        {
            TokenizerFolder.Write(_folder, merges, 77);
            Assert.Equal(merges.Merges, MergeList.Named(_folder).Merges);
            Assert.Equal(merges.Merges, MergeList.Named(Whole).Merges);
            Assert.Equal(merges.Merges, MergeList.Named(Path.Combine(_folder, "merges.txt")).Merges);
        }

        File.Delete(Path.Combine(_folder, "vocab.json"));
        Assert.Empty(MergeList.Named(_folder).Merges);
    }

    [Fact]
    public void The_files_hold_what_CLIPs_do()
    {
        TokenizerFolder.Write(_folder, MergeList.OpenAi(), 77);
        var vocabulary = Json("vocab.json").AsObject();
        Assert.Equal(49408, vocabulary.Count);
        Assert.Equal(
            (0, 320, 2368, 49406, 49407),
            (
                (int)vocabulary["!"]!,
                (int)vocabulary["a</w>"]!,
                (int)vocabulary["cat</w>"]!,
                (int)vocabulary["<|startoftext|>"]!,
                (int)vocabulary["<|endoftext|>"]!
            )
        );
        Assert.Equal("<|endoftext|>", (string?)Json("special_tokens_map.json")["pad_token"]);
        var config = Json("tokenizer_config.json");
        Assert.Equal(("CLIPTokenizer", 77), ((string?)config["tokenizer_class"], (int)config["model_max_length"]!));
        var model = Json("tokenizer.json")["model"]!;
        Assert.Equal(
            ("BPE", "</w>", 48894),
            ((string?)model["type"], (string?)model["end_of_word_suffix"], model["merges"]!.AsArray().Count)
        );
    }

    [Fact]
    public void Merges_may_be_lists_of_two()
    {
        Change(json => json["model"]!["merges"] = new JsonArray([.. Small.Merges.Select(m => (JsonNode)new JsonArray(m.Left, m.Right))]));
        Assert.Equal(Small.Merges, MergeList.Named(Whole).Merges);
    }

    [Theory]
    [InlineData("model.type", "\"WordPiece\"", "model.type: is \"WordPiece\", not BPE")]
    [InlineData("model.end_of_word_suffix", "null", "model.end_of_word_suffix: is not \"</w>\"")]
    [InlineData("model.continuing_subword_prefix", "\"##\"", "model.continuing_subword_prefix: is not empty")]
    [InlineData("model.byte_fallback", "true", "model.byte_fallback: is on")]
    [InlineData("model.dropout", "0.1", "model.dropout: is on")]
    [InlineData("normalizer", "null", "normalizer: has no Lowercase")]
    [InlineData("pre_tokenizer", "{\"type\":\"Whitespace\"}", "pre_tokenizer: has no ByteLevel")]
    [InlineData("pre_tokenizer", "{\"type\":\"ByteLevel\",\"add_prefix_space\":false}", "pre_tokenizer: does not split")]
    [InlineData("model.merges", "[\"p h\", \"h\"]", "model.merges[1]: \"h\" is not two symbols")]
    [InlineData("model.merges", "[[\"p\", \"h\"], [\"zz\", \"h\"]]", "model.merges[1]: \"zz\" is neither")]
    [InlineData("model.merges", "3", "model.merges: is not a list")]
    [InlineData("model.vocab", "{\"!\": 1}", "model.vocab: \"!\" has the id 1")]
    [InlineData("model.vocab", "{}", "model.vocab: has no \"!\"")]
    [InlineData("model.vocab.extra", "600", "tokens, CLIP's kind of vocabulary with these merges has")]
    [InlineData("model", "null", "has no model")]
    public void Another_kind_is_refused_with_the_place_and_the_reason(string place, string value, string expected)
    {
        Change(json =>
        {
            var keys = place.Split('.');
            var parent = keys[..^1].Aggregate(json, (node, key) => node[key]!);
            parent[keys[^1]] = JsonNode.Parse(value);
        });
        var message = Assert.Throws<InvalidDataException>(() => MergeList.Named(Whole)).Message;
        Assert.StartsWith(Whole, message, StringComparison.Ordinal);
        Assert.Contains(expected, message, StringComparison.Ordinal);
    }

    [Fact]
    public void Files_that_are_no_json_or_missing_are_named()
    {
        File.WriteAllText(Whole, "{\n\"model\": ");
        Assert.StartsWith(
            $"{Whole}, line 2: is not JSON",
            Assert.Throws<InvalidDataException>(() => MergeList.Named(Whole)).Message,
            StringComparison.Ordinal
        );
        File.WriteAllText(Path.Combine(_folder, "vocab.json"), "[1]");
        Assert.StartsWith(
            Path.Combine(_folder, "vocab.json"),
            Assert.Throws<InvalidDataException>(() => MergeList.Named(_folder)).Message,
            StringComparison.Ordinal
        );
        var empty = Directory.CreateDirectory(Path.Combine(_folder, "empty")).FullName;
        Assert.StartsWith(
            $"{empty}: has neither",
            Assert.Throws<InvalidDataException>(() => MergeList.Named(empty)).Message,
            StringComparison.Ordinal
        );
    }

    private JsonNode Json(string name) => JsonNode.Parse(File.ReadAllText(Path.Combine(_folder, name)))!;

    private void Change(Action<JsonNode> change)
    {
        var json = Json("tokenizer.json");
        change(json);
        File.WriteAllText(Whole, json.ToJsonString(new JsonSerializerOptions { WriteIndented = true }));
    }
}
