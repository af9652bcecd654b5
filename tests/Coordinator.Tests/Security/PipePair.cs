using System.IO.Pipelines;

namespace ClipTrain.Coordinator.Tests.Security;

/// <summary>Two ends of a connection in memory.</summary>
internal sealed class PipePair
{
    public PipePair()
    {
        var (forth, back) = (new Pipe(), new Pipe());
        Caller = new End(back.Reader, forth.Writer);
        Coordinator = new End(forth.Reader, back.Writer);
    }

    public End Caller { get; }

    public End Coordinator { get; }

    internal sealed class End(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input => input;

        public PipeWriter Output => output;

        public async Task SendAsync(params byte[] bytes) => await output.WriteAsync(bytes);

        /// <summary>Everything up to the given number of bytes.</summary>
        public async Task<byte[]> ReceiveAsync(int length)
        {
            var stream = input.AsStream(leaveOpen: true);
            var bytes = new byte[length];
            await stream.ReadExactlyAsync(bytes);
            return bytes;
        }

        public void Close() => output.Complete();
    }
}
