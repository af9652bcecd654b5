using System.Text;
using ClipTrain.Evaluation.Datasets;
using static TorchSharp.torch;

namespace ClipTrain.Cli.Evaluation.Workers;

/// <summary>A worker's side of the connection: embeds what it is sent until its input ends.</summary>
internal static class EncodingWorker
{
    public static void Serve(IEvaluatedModel model, Stream input, Stream output)
    {
        using var from = new BinaryReader(new BufferedStream(input), Encoding.UTF8);
        using var to = new BinaryWriter(new BufferedStream(output), Encoding.UTF8);
        using var encoder = new ImageEncoder(model);
        while (from.BaseStream.ReadByte() is var kind and >= 0)
        {
            if (kind == EncodingFrames.Images)
            {
                EncodingFrames.Answer(to, encoder.Encode(EncodingFrames.ReadFiles(from)).GetAwaiter().GetResult());
            }
            else
            {
                using var scope = NewDisposeScope();
                EncodingFrames.Answer(to, Matrix.Of(model.EncodeTexts(EncodingFrames.ReadTexts(from))));
            }
        }
    }
}
