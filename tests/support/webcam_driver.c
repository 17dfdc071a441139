/* A webcam's driver, loaded in front of the C library (LD_PRELOAD): /dev/video9 sends images of 64 x 48 pixels, 25 a second.
 *
 * Its buffers are mapped, filled and unmapped as a driver's are: whoever looks at an image after the camera is closed ends
 * by SIGSEGV. WEBCAM_IMAGES images are sent; then it falls silent, or, if WEBCAM_GOES is set, is gone. Every image is one
 * brightness: 16, 36, 56 and so on. The second is damaged, and said to be.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { WIDTH = 64, HEIGHT = 48, BYTES = WIDTH * HEIGHT * 2, SLOT = 8192, SLOTS = 8 };

static int camera = -1, non_blocking, given, queue[64], queued;
static double started_s;

static double now_s(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec + at.tv_nsec / 1e9;
}

static int opened(const char *name, const char *path, int flags, mode_t mode)
{
    if (!strcmp(path, "/dev/video9")) {
        camera = memfd_create("webcam", 0);
        non_blocking = flags & O_NONBLOCK;
        given = queued = 0;
        return ftruncate(camera, SLOTS * SLOT) ? -1 : camera;
    }
    int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, name);
    return real(path, flags, mode);
}

#define OPEN(name)                                   \
    int name(const char *path, int flags, ...)       \
    {                                                \
        va_list rest;                                \
        va_start(rest, flags);                       \
        mode_t mode = va_arg(rest, mode_t);          \
        va_end(rest);                                \
        return opened(#name, path, flags, mode);     \
    }
OPEN(open)
OPEN(open64)

static int fail(int error)
{
    errno = error;
    return -1;
}

static int next_image(struct v4l2_buffer *buffer)
{
    int most = atoi(getenv("WEBCAM_IMAGES"));
    while (!queued || given >= most || now_s() - started_s < 0.2 + given * 0.04) {
        if (given >= most && getenv("WEBCAM_GOES"))
            return fail(ENODEV);
        if (non_blocking)
            return fail(EAGAIN);
        usleep(1000);
    }
    unsigned char image[BYTES];
    for (int at = 0; at < BYTES; at += 2) {
        image[at] = 16 + given * 20;
        image[at + 1] = 128;
    }
    buffer->index = queue[0];
    memmove(queue, queue + 1, sizeof(int) * --queued);
    given++;
    buffer->bytesused = BYTES;
    buffer->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    if (given == 2)
        buffer->flags |= V4L2_BUF_FLAG_ERROR;
    buffer->timestamp.tv_sec = (long)now_s();
    return pwrite(camera, image, BYTES, buffer->index * SLOT) == BYTES ? 0 : -1;
}

static void describe(struct v4l2_pix_format *format)
{
    format->width = WIDTH;
    format->height = HEIGHT;
    format->pixelformat = V4L2_PIX_FMT_YUYV;
    format->field = V4L2_FIELD_NONE;
    format->bytesperline = WIDTH * 2;
    format->sizeimage = BYTES;
}

static int asked(unsigned int what, void *of)
{
    switch (what) {
    case VIDIOC_QUERYCAP:
        ((struct v4l2_capability *)of)->capabilities = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
        return 0;
    case VIDIOC_G_INPUT:
        *(int *)of = 0;
        return 0;
    case VIDIOC_ENUMINPUT:
        return ((struct v4l2_input *)of)->index ? fail(EINVAL) : 0;
    case VIDIOC_G_FMT:
    case VIDIOC_S_FMT:
    case VIDIOC_TRY_FMT:
        describe(&((struct v4l2_format *)of)->fmt.pix);
        return 0;
    case VIDIOC_G_PARM:
    case VIDIOC_S_PARM:
        ((struct v4l2_streamparm *)of)->parm.capture.timeperframe = (struct v4l2_fract){1, 25};
        return 0;
    case VIDIOC_REQBUFS:
        ((struct v4l2_requestbuffers *)of)->count = SLOTS;
        return 0;
    case VIDIOC_QUERYBUF: {
        struct v4l2_buffer *buffer = of;
        buffer->length = SLOT;
        buffer->m.offset = buffer->index * SLOT;
        return 0;
    }
    case VIDIOC_QBUF:
        queue[queued++] = ((struct v4l2_buffer *)of)->index;
        return 0;
    case VIDIOC_DQBUF:
        return next_image(of);
    case VIDIOC_STREAMON:
        started_s = now_s();
        return 0;
    case VIDIOC_STREAMOFF:
    case VIDIOC_S_INPUT:
        return 0;
    default:
        return fail(ENOTTY);
    }
}

int ioctl(int file, unsigned long what, ...)
{
    va_list rest;
    va_start(rest, what);
    void *of = va_arg(rest, void *);
    va_end(rest);
    if (camera >= 0 && file == camera)
        return asked((unsigned int)what, of);
    int (*real)(int, unsigned long, ...) = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
    return real(file, what, of);
}
