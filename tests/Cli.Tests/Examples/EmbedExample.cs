using ClipTrain.Cli.Evaluation;
using ClipTrain.Trainer.Interop;

namespace ClipTrain.Cli.Tests.Examples;

internal static class EmbedExample
{
    /// <summary>The best of several texts for each image file, with its cosine similarity.</summary>
    /// <param name="model">A run, a checkpoint, or a folder of open_clip or Hugging Face.</param>
    public static IEnumerable<(string Text, float Cosine)> Match(string model, IReadOnlyList<string> files, IReadOnlyList<string> texts)
    {
        using var opened = ModelFolder.Open(model);
        using var clip = new EvaluatedClip(opened, model);
        using var images_ND = clip.EncodeFiles([.. files.Select(File.ReadAllBytes)]);
        using var texts_TD = clip.EncodeTexts(texts);
        using var cosines_NT = images_ND.MatMul(texts_TD.t());
        foreach (var cosines in cosines_NT.contiguous().AsSpan<float>().ToArray().Chunk(texts.Count))
        {
            var best = Array.IndexOf(cosines, cosines.Max());
            yield return (texts[best], cosines[best]);
        }
    }
}
